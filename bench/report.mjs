// From what was measured to what is read: one table on the terminal, one JSON file.
import { spread } from './statistics.mjs';
import { ratiosOf } from './ratios.mjs';

/** @returns what is written to the file */
export function resultOf({ environment, rows, hot, problems, idleQueriesPerSecond }) {
  const ratioSpreads = ratiosOf(rows, idleQueriesPerSecond);
  const ratios = Object.fromEntries(Object.entries(ratioSpreads).map(([name, found]) => [name, found?.median ?? null]));
  return { environment, rows: rows.map(figuresOf), ratios, ratioSpreads, hot, problems };
}

function figuresOf({ samples, ...row }) {
  const known = samples.filter((sample) => sample != null);
  const figures = Object.keys(known[0] ?? {});
  return {
    ...row,
    available: known.length > 0,
    ...Object.fromEntries(figures.map((name) => [name, spread(known.map((sample) => sample[name]))])),
  };
}

export function printResult({ environment, rows, ratios, hot, problems }) {
  const { node, cpus, model, memory, postgres, rabbitmq, fsyncMs, seconds, rounds } = environment;
  console.log(`\nnode ${node}, ${cpus} x ${model}, ${memory}, PostgreSQL ${postgres}, RabbitMQ ${rabbitmq}, one fsync ${fsyncMs} ms`);
  console.log(`${rounds} rounds of ${seconds} s a row: the median (and the slowest – the quickest round)\n`);
  printTable(rows.map(lineOf));
  console.log('\nRatios (1 = as quick; p50LoneVsDbos: 1 = as slow):');
  for (const [name, value] of Object.entries(ratios)) console.log(`  ${name.padEnd(26)} ${value ?? 'not measured'}`);
  const updates = hot.filter(({ updates }) => updates > 100);
  for (const problem of problems) console.log(`\nDid not work: ${problem}`);
  if (updates.length > 0) console.log('\nUpdates that needed no new index entry (HOT):');
  for (const { contender, table, updates: all, hot: cheap } of updates)
    console.log(`  ${`${contender} ${table}`.padEnd(40)} ${cheap} of ${all} (${((100 * cheap) / all).toFixed(1)} %)`);
}

function lineOf(row) {
  const middle = (figure, digits) => (row[figure] == null ? '' : row[figure].median.toFixed(digits));
  const perSecond = row.sagasPerSecond;
  const rate = (value) => value.toFixed(value < 10 ? 2 : 0);
  return {
    contender: row.contender + (row.processes > 1 ? ` x ${row.processes}` : ''),
    tables: row.tables,
    saga: row.saga,
    'in flight': String(row.inFlight),
    'sagas/s': perSecond ? `${rate(perSecond.median)} (${rate(perSecond.min)}–${rate(perSecond.max)})` : 'none',
    'steps/s': middle('stepsPerSecond', 0),
    'p50 ms': middle('p50', 1),
    'p95 ms': middle('p95', 1),
    'p99 ms': middle('p99', 1),
    commits: middle('commitsPerSaga', 2),
    rows: middle('rowsPerSaga', 1),
    messages: middle('messagesPerSaga', 1),
    'log KB': middle('logKbPerSaga', 1),
    'CPU worker': middle('cpuWorkers', 2),
    postgres: middle('cpuPostgres', 2),
    rabbit: middle('cpuRabbitMq', 2),
    restate: middle('cpuRestate', 2),
    'MiB worker': middle('memoryWorkerMiB', 0),
  };
}

const TEXTS = ['contender', 'tables', 'saga'];

/** Commits, rows, messages and log are those of one saga; CPU is in cores. */
function printTable(lines) {
  const columns = Object.keys(lines[0] ?? {});
  const widths = columns.map((column) => Math.max(column.length, ...lines.map((line) => line[column].length)));
  const cells = (line) =>
    columns.map((column, i) => (TEXTS.includes(column) ? line[column].padEnd(widths[i]) : line[column].padStart(widths[i]))).join('  ');
  console.log(cells(Object.fromEntries(columns.map((column) => [column, column]))));
  for (const line of lines) console.log(cells(line));
}
