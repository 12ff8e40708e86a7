import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { StepList } from 'nest-saga';
import { inParallel } from './order-sample/in-parallel';
import { buildSample } from './order-sample/program';
import { until } from './order-sample/until';
import { closeApps } from './saga-app';
import { SupervisedWorker } from './worker-process/supervised';
import { WorkerSite } from './worker-process/worker-site';

const BUDGET = 2;
const WAIT = { timeoutMs: 100_000 };
const innocent = (ms: number): StepList => [
  { name: 'first', action: 'slow', input: { ms } },
  { name: 'second', action: 'slow', input: { ms } },
];

let site: WorkerSite;
let worker: SupervisedWorker;

beforeAll(buildSample, 120_000);
beforeEach(async () => {
  site = await WorkerSite.open({ infrastructureBudget: BUDGET });
  worker = new SupervisedWorker(site.worker());
  await worker.isAtWork();
}, 60_000);
afterEach(async () => {
  await worker.dismiss();
  await closeApps();
});

async function start(name: string, steps: StepList): Promise<string> {
  return (await site.app.sagas.start(name, steps)).id;
}

async function calledAtLeast(count: number): Promise<void> {
  await until(`${count} calls`, async () => ((await site.calls('slow')).length >= count ? true : undefined));
}

/** No two take equally long: slots that become free in one moment would all be filled again in that moment, with nothing else running. */
async function startInnocents(count: number, atLeastMs: number): Promise<readonly string[]> {
  const durations = Array.from({ length: count }, (_, place) => atLeastMs + 60 * place);
  return inParallel(count, durations, async (ms) => start('innocent', innocent(ms)));
}

/** Each completed, with each of its effects once, although the process died under some of them. */
async function expectInnocent(ids: readonly string[]): Promise<void> {
  const ended = await inParallel(ids.length, ids, async (id) => site.app.sagas.waitFor(id, WAIT));
  expect(ended.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
  const effects = (await site.effects()).filter(({ saga_id }) => ids.includes(saga_id));
  const expected = [...ids].sort().flatMap((id) => ['first', 'second'].map((step) => ({ what: 'slow', saga_id: id, step })));
  expect(effects).toEqual(expected);
  expect(await site.lossesOf(ids)).toBeGreaterThan(0);
}

test('a step that kills its process each time ends unknown and is undone, and costs no other saga its outcome', async () => {
  const innocents = await startInnocents(20, 500);
  await calledAtLeast(10); // all slots are taken, and as many wait: when the poison's turn comes others run beside it
  const poison = await start('poison', [{ name: 'kill', action: 'kill' }]);
  const saga = await site.app.sagas.waitFor(poison, WAIT);
  expect([saga.state, saga.steps[0]?.status]).toEqual(['compensated', 'compensated']);
  await expectInnocent(innocents);
  expect(await site.calls('kill')).toHaveLength(BUDGET + 2);
  expect((await site.effects()).filter(({ saga_id }) => saga_id === poison).map(({ what }) => what)).toEqual(['undo.kill after unknown']);
  expect(worker.deaths).toEqual(Array.from({ length: BUDGET + 2 }, () => ({ code: null, signal: 'SIGABRT' })));
}, 120_000);

test('a compensation that kills its process each time ends stuck, and costs no other saga its outcome', async () => {
  const poison = await start('poison', [
    { name: 'done', action: 'slow', compensation: 'killing.undo', input: { ms: 1_000 } },
    { name: 'refused', action: 'refuse', compensation: null },
  ]);
  await calledAtLeast(1); // the others come between its two steps, and still run when the second one's undo does
  const innocents = await startInnocents(12, 1_000);
  const saga = await site.app.sagas.waitFor(poison, WAIT);
  expect([saga.state, saga.steps[0]?.status]).toEqual(['stuck', 'compensation_failed']);
  await expectInnocent(innocents);
  expect(await site.calls('killing.undo')).toHaveLength(BUDGET + 2);
}, 120_000);
