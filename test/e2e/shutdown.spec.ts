import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Proxy } from '../contract/transport-proxy';
import { inParallel } from './order-sample/in-parallel';
import { buildSample, type Program } from './order-sample/program';
import { until } from './order-sample/until';
import { closeApps } from './saga-app';
import { startWorker } from './worker-process/supervised';
import { WorkerSite } from './worker-process/worker-site';

const HANDLER_MS = 1_500;
/** Ample, so that only an engine that does not notice could need it. */
const DRAIN_MS = 20_000;

let site: WorkerSite;
let workers: Program[];
let proxy: Proxy | undefined;

beforeAll(buildSample, 120_000);
beforeEach(async () => {
  site = await WorkerSite.open();
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.end('SIGKILL')));
  await proxy?.plugOut();
  proxy = undefined;
  await closeApps();
}, 60_000);

async function open(env: Readonly<Record<string, string>> = {}): Promise<Program> {
  const worker = startWorker({ ...site.worker({ drainMs: DRAIN_MS }), ...env });
  workers.push(worker);
  await worker.says(/^at work$/);
  return worker;
}

async function startSagas(count: number): Promise<readonly string[]> {
  const steps = ['first', 'second'].map((name) => ({ name, action: 'slow', input: { ms: HANDLER_MS } }));
  return inParallel(count, Array.from({ length: count }), async () => (await site.app.sagas.start('order', steps)).id);
}

/** With the exit code of an end that was asked for, and not because the drain time was over. */
async function expectOrderlyEnd(worker: Program): Promise<void> {
  const toldAt = performance.now();
  expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(performance.now() - toldAt).toBeLessThan(DRAIN_MS);
}

async function calledAtLeast(count: number): Promise<void> {
  await until(`${count} calls`, async () => ((await site.calls('slow')).length >= count ? true : undefined));
}

/** Every saga completed, with every effect once; nothing was undone, no attempt counted twice, and nobody is a suspect. */
async function expectNothingBurnt(ids: readonly string[]): Promise<void> {
  const ended = await inParallel(ids.length, ids, async (id) => site.app.sagas.waitFor(id, { timeoutMs: 60_000 }));
  expect(ended.map(({ state }) => state)).toEqual(ids.map(() => 'completed'));
  expect(await site.calls('undo.slow')).toEqual([]);
  const expected = [...ids].sort().flatMap((id) => ['first', 'second'].map((step) => ({ what: 'slow', saga_id: id, step })));
  expect(await site.effects()).toEqual(expected);
  expect(new Set((await site.calls('slow')).map(({ attempt }) => attempt))).toEqual(new Set([1]));
  expect(await site.lossesOf(ids)).toBe(0);
}

test('a process that is told to end under load ends with 0, and what it was doing goes on elsewhere as if it had not begun', async () => {
  const leaving = await open();
  const ids = await startSagas(10);
  await calledAtLeast(10);
  await expectOrderlyEnd(leaving);
  // The application's own client was closed under its handlers, and so none of them took effect.
  expect(leaving.lines).toContain('the client is closed');
  expect(await site.effects()).toEqual([]);
  await open();
  await expectNothingBurnt(ids);
  expect(new Set((await site.calls('slow')).map(({ pid }) => pid)).size).toBe(2);
}, 90_000);

test('being told twice changes nothing', async () => {
  const leaving = await open();
  const ids = await startSagas(10);
  await calledAtLeast(10);
  void leaving.end('SIGTERM');
  await leaving.says(/^the client is closed$/);
  await expectOrderlyEnd(leaving);
  await open();
  await expectNothingBurnt(ids);
}, 90_000);

test('a process that is told to end while the broker is away ends as well', async () => {
  proxy = Proxy.for(process.env['AMQP_URL'] ?? '');
  await proxy.plugIn();
  const leaving = await open({ AMQP_URL: proxy.uri() });
  const ids = await startSagas(10);
  await calledAtLeast(10);
  await proxy.plugOut();
  await expectOrderlyEnd(leaving);
  await open();
  await expectNothingBurnt(ids);
}, 90_000);

test('ten processes of which nine are told to end, two at a time, burn nothing', async () => {
  const ten = await inParallel(5, Array.from({ length: 10 }), async () => open());
  const ids = await startSagas(40);
  await calledAtLeast(20);
  await inParallel(2, ten.slice(1), expectOrderlyEnd);
  await expectNothingBurnt(ids);
}, 180_000);

test('a signal does to an application what it does without the engine', async () => {
  const [none, plain] = [await open(site.worker({}, 'none')), await open(site.worker({}, 'plain'))];
  expect(await none.end('SIGTERM')).toEqual({ code: null, signal: 'SIGTERM' });
  expect(await plain.end('SIGINT')).toEqual({ code: null, signal: 'SIGINT' });
}, 60_000);
