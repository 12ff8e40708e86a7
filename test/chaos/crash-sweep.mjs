// Kills a worker at every message it sends or receives, and looks whether what README.md promises still holds.
//   node test/chaos/crash-sweep.mjs --points 60 --seed 7      a sample
//   node test/chaos/crash-sweep.mjs --points 60 --forgetful   workers that freeze and come back, at a participant without tombstones
//   node test/chaos/crash-sweep.mjs --transactions            each moment of a transaction that a handler shares with its saga
//   node test/chaos/crash-sweep.mjs --points all              before and after every message (hours)
//   node test/chaos/crash-sweep.mjs --point B:kill-after:512  one point again, with what happened
//   node test/chaos/crash-sweep.mjs --points faults           before and after every verb of the engine (minutes)
// Exit code 1 when any promise is broken. Messages are counted, so a point means roughly, not exactly, the same in every run.
import { parseArgs } from 'node:util';
import { startChaosServices } from './chaos-services.mjs';
import { seeded, seedFrom } from './seeded.mjs';
import { SweepLane } from './sweep-lane.mjs';
import { nameOf, parsePoint, pointsOf, transactionPoints } from './sweep-points.mjs';
import { SCENARIOS } from './sweep-scenarios.mjs';

const { values } = parseArgs({
  options: {
    points: { type: 'string', default: '60' },
    point: { type: 'string' },
    seed: { type: 'string' },
    lanes: { type: 'string', default: '3' },
    forgetful: { type: 'boolean', default: false },
    transactions: { type: 'boolean', default: false },
    labels: { type: 'boolean', default: false },
  },
});
const seed = seedFrom(values.seed);
const services = await startChaosServices({ forgetful: values.forgetful });
const lanes = Array.from(
  { length: values.point ? 1 : Number(values.lanes) },
  (_, number) => new SweepLane({ name: `lane${number + 1}`, ...services }),
);

const dry = {};
for (const scenario of Object.keys(SCENARIOS)) {
  const counts = await Promise.all(lanes.map((lane) => lane.dryRun(scenario)));
  dry[scenario] = counts[0];
  console.log(`scenario ${scenario}: ${dry[scenario].total} messages, ${dry[scenario].ready} of them to boot`);
  if (values.labels) dry[scenario].labels.forEach((label, at) => console.log(`  ${at + 1} ${label}`));
}

const points = values.point
  ? [parsePoint(values.point)]
  : values.transactions
    ? transactionPoints()
    : pointsOf(values.points, dry, seeded(seed), values.forgetful ? ['freeze'] : undefined);
console.log(`seed ${seed}, ${points.length} points, ${lanes.length} lanes`);
const begin = performance.now();
const results = [];
const queue = points.map((point, number) => ({ point, number: number + 1 }));
await Promise.all(lanes.map((lane) => visit(lane)));

const bad = results.filter(({ problems }) => problems.length > 0);
const missed = results.filter(({ at }) => at === null).length;
const seconds = (performance.now() - begin) / 1_000;
console.log(
  `${results.length - bad.length} points held, ${bad.length} broken, ${missed} never reached; ${seconds.toFixed(1)} s, ${(seconds / results.length).toFixed(2)} s a point`,
);
for (const { point, at, problems } of bad) {
  console.log(
    `\n${nameOf(point)} at ${at}: node test/chaos/crash-sweep.mjs --point ${nameOf(point)} --seed ${seed}${values.forgetful ? ' --forgetful' : ''}`,
  );
  for (const { promise, problem } of problems) console.log(`  ${promise}: ${problem}`);
}
console.log(`${lanes.reduce((sum, { lateRounds }) => sum + lateRounds, 0)} sagas with another round of undo`);
await Promise.all(lanes.map((lane) => lane.close()));
await services.stop();
process.exit(bad.length > 0 ? 1 : 0);

async function visit(lane) {
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { point, number } = next;
    const since = performance.now();
    let result;
    try {
      result = await lane.run(point);
    } catch (error) {
      result = { at: null, problems: [{ promise: 'test', problem: `the test itself failed: ${error.stack}` }] };
    }
    results.push({ point, ...result });
    const verdict = result.problems.length > 0 ? 'BROKEN' : 'held';
    console.log(
      `${String(number).padStart(4)} ${nameOf(point).padEnd(28)} ${verdict} ${Math.round(performance.now() - since)} ms, ${result.at ?? 'never reached'}`,
    );
    if (values.point) console.log(JSON.stringify(lane.evidence ?? {}, null, 1));
  }
}
