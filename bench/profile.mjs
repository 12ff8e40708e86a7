// Where the time of a worker goes, while lanes keep it busy.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { open } from './contenders.mjs';
import { measure, warmUp } from './measure.mjs';

const SHOWN = 20;

export async function profileWorker({ services, name, saga = 'happy', inFlight = 100, seconds, folder }) {
  const contender = await open({ services, name });
  if (contender === null) throw new Error(`${name}: not in this version`);
  try {
    await warmUp(contender, { seconds: 2 });
    const [worker] = contender.workers;
    await worker.ask('profile');
    const { sagasPerSecond } = await measure(contender, { saga, inFlight, seconds });
    const profile = await worker.ask('endProfile');
    const file = join(folder, `${name}.cpuprofile`);
    writeFileSync(file, JSON.stringify(profile));
    console.log(`${name}, ${saga}, ${inFlight} in flight, profiled: ${Math.round(sagasPerSecond)} sagas/s\n`);
    printProfile(profile);
    console.log(`\nwritten: ${file} (opens in Chrome's developer tools)`);
  } finally {
    await contender.close();
  }
}

function printProfile({ nodes, samples, timeDeltas }) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFunction = new Map();
  const byModule = new Map();
  const special = { '(idle)': 0, '(program)': 0, '(garbage collector)': 0 };
  let all = 0;
  samples.forEach((sample, i) => {
    const frame = frames.get(sample);
    const time = timeDeltas[i];
    all += time;
    if (frame.functionName in special) return void (special[frame.functionName] += time);
    const place = `${frame.functionName || '(anonymous)'}  ${frame.url.split('/').slice(-3).join('/')}:${frame.lineNumber + 1}`;
    add(byFunction, place, time);
    add(byModule, moduleOf(frame.url), time);
  });
  const busy = all - special['(idle)'];
  for (const [what, time] of Object.entries(special)) console.log(`${percent(time, all)}  ${what}`);
  console.log('\nOf the time that is not idle, by module:');
  printTop(byModule, busy);
  console.log('\nOf the time that is not idle, by function (its own time):');
  printTop(byFunction, busy);
}

function moduleOf(url) {
  const fromNpm = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  if (fromNpm) return fromNpm[1];
  const own = /\/dist\/(.*)$/.exec(url);
  return own ? `nest-saga ${own[1]}` : url.replace(/^file:.*\/bench\//, 'bench/') || '(native)';
}

const add = (sums, name, time) => sums.set(name, (sums.get(name) ?? 0) + time);
const percent = (part, whole) => `${((100 * part) / whole).toFixed(1).padStart(5)} %`;

function printTop(sums, whole) {
  const top = [...sums].sort(([, one], [, other]) => other - one).slice(0, SHOWN);
  for (const [name, time] of top) console.log(`${percent(time, whole)}  ${name}`);
}
