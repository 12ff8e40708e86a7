// Draws bench/results/latest.json: a bar for each contender, sagas a second at 100 in flight, with the slowest and the quickest round.
//
//   node bench/chart.mjs [from.json] [to.svg]         default: bench/results/latest.json, docs/performance.svg
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [from, to] = process.argv.slice(2);
const { environment, rows } = JSON.parse(readFileSync(from ?? fileURLToPath(new URL('./results/latest.json', import.meta.url)), 'utf8'));
writeFileSync(to ?? fileURLToPath(new URL('../docs/performance.svg', import.meta.url)), chart(environment, barsOf(rows)));

function barsOf(rows) {
  const labels = {
    'default 1': 'nest-saga',
    'default 4': 'nest-saga, 4 processes',
    'hop 1': 'nest-saga, a broker hop per step',
    'single 1': 'nest-saga, a transaction per step',
    'dbos 1': 'DBOS Transact',
    'restate 1': 'Restate',
    'hops 1': 'bare RabbitMQ: 3 quorum-queue hops',
  };
  return Object.entries(labels).flatMap(([key, label]) => {
    const [contender, processes] = key.split(' ');
    const at = (saga) =>
      rows.find(
        (row) =>
          row.contender === contender &&
          row.processes === Number(processes) &&
          row.tables === 'fresh' &&
          row.saga === saga &&
          row.inFlight === 100 &&
          row.available,
      )?.sagasPerSecond;
    const bars = [
      { label, kind: 'completed', ...at('happy') },
      { label: '', kind: 'compensated', ...at('compensated') },
    ];
    return bars.filter(({ median }) => median !== undefined);
  });
}

function chart({ node, cpus, model, postgres, rabbitmq, rounds, seconds, date }, bars) {
  const [left, width, height, top] = [270, 430, 22, 64];
  // The bare broker would squeeze everybody else: its bar is cut, and its number says so.
  const ours = bars.filter(({ label }) => !label.startsWith('bare'));
  const longest = Math.max(...ours.map(({ max }) => max)) * 1.1;
  const x = (value) => left + (Math.min(value, longest) / longest) * width;
  const body = bars.map(({ label, kind, median, min, max }, i) => {
    const y = top + i * height;
    const middle = y + height / 2 - 2;
    const cut = median > longest;
    const whiskers = cut
      ? ''
      : `<path class="whisker" d="M${at(x(min))} ${middle}H${at(x(max))}M${at(x(min))} ${middle - 4}v8M${at(x(max))} ${middle - 4}v8"/>`;
    return [
      `<text x="${left - 10}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${kind}" x="${left}" y="${y}" width="${at(x(median) - left)}" height="${height - 4}"/>`,
      whiskers,
      `<text x="${at(x(cut ? longest : max) + 8)}" y="${middle + 4}">${Math.round(median)}${cut ? ' →' : ''}</text>`,
    ].join('');
  });
  const bottom = top + bars.length * height;
  const machine = `node ${node}, ${cpus} x ${model}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}; ${rounds} rounds of ${seconds} s, ${date.slice(0, 10)}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 ${bottom + 34}" font-family="sans-serif" font-size="12">
<style>
  text { fill: #1f2933 } .small { fill: #616e7c; font-size: 11px }
  .completed { fill: #2f80c3 } .compensated { fill: #e0a458 } .whisker { stroke: #1f2933; fill: none }
  @media (prefers-color-scheme: dark) { text { fill: #e4e7eb } .small { fill: #9aa5b1 } .whisker { stroke: #e4e7eb } }
</style>
<text x="10" y="22" font-size="15" font-weight="bold">Sagas of three steps a second, 100 in flight</text>
<rect class="completed" x="10" y="34" width="12" height="12"/><text x="28" y="44">completed</text>
<rect class="compensated" x="110" y="34" width="12" height="12"/><text x="128" y="44">the third step fails, two are undone</text>
<text class="small" x="370" y="44">the lines: the slowest and the quickest round</text>
${body.join('\n')}
<text class="small" x="10" y="${bottom + 22}">${escaped(machine)}</text>
</svg>
`;
}

function at(value) {
  return value.toFixed(1);
}

function escaped(text) {
  return text.replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);
}
