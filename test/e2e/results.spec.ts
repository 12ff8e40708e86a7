import { Injectable } from '@nestjs/common';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  inMemoryStore,
  inProcessTransport,
  rabbitMqTransport,
  type SagaModuleOptions,
  SagaNotFoundError,
  SagaStep,
  SagaStuckError,
  SagaWaitTimeoutError,
  StepError,
} from 'nest-saga';
import { Proxy } from '../contract/transport-proxy';
import { buildSample, Program } from './order-sample/program';
import { BlindStore } from './results/blind-store';
import { Gate } from './results/gate';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

let namespace: string;
let gate: Gate;
let proxy: Proxy | undefined;

beforeAll(buildSample, 120_000);

beforeEach(() => {
  namespace = freshName();
  gate = new Gate();
});

afterEach(async () => {
  gate.open();
  await closeApps();
  await proxy?.plugOut();
  proxy = undefined;
});

@Injectable()
class Work {
  @SagaStep('quick') quick() {}
  @SagaStep('gated') async gated() {
    await gate.pass();
  }
  @Compensate('never', { retry: { attempts: 1 } }) async never() {
    await gate.pass();
    throw new Error('the participant is gone');
  }
  @SagaStep('refuse') refuse() {
    throw new StepError({ message: 'no', retryable: false });
  }
}

const QUICK = [{ name: 'a', action: 'quick' }];
const GATED = [...QUICK, { name: 'b', action: 'gated' }];
/** Longer than any test: whoever comes back was told. */
const NEVER_MS = 3_600_000;

const worker = (options: Partial<SagaModuleOptions> = {}): Promise<SagaApp> =>
  bootSagaApp({ namespace, providers: [Work], options: { leaseMs: 30_000, heartbeatMs: 10_000, ...options } });

const client = (options: Partial<SagaModuleOptions> = {}): Promise<SagaApp> =>
  bootSagaApp({ namespace, options: { workers: { steps: 0, compensations: 0 }, waitPollMs: NEVER_MS, ...options } });

/** A client whose wire to the broker can be cut. */
async function clientOnWire(options: Partial<SagaModuleOptions> = {}): Promise<{ readonly app: SagaApp; readonly wire: Proxy }> {
  const wire = Proxy.for(process.env['AMQP_URL'] ?? '');
  proxy = wire;
  await wire.plugIn();
  const queues = { stepQueue: `${namespace}.steps`, compensateQueue: `${namespace}.compensate` };
  const transport = rabbitMqTransport({ uri: wire.uri(), exchange: namespace, ...queues });
  return { app: await client({ transport, ...options }), wire };
}

describe('Whoever waits for a saga', () => {
  it('is told when it ends in another process: no look finds it out', async () => {
    await worker();
    const store = new BlindStore(namespace);
    const app = await client({ store: store.definition });
    await hears(app, store);
    const ended = app.sagas.execute('s', GATED, {}, { timeoutMs: 60_000 });
    await gate.reached;
    gate.open();
    expect((await ended).state).toBe('completed');
    expect(store.isBlind).toBe(true);
  });

  it('is told of a saga that a third process has started, and whose end a fourth one waits for as well', async () => {
    await worker();
    const stores = [new BlindStore(namespace), new BlindStore(namespace)];
    const waiting = await Promise.all(stores.map((store) => client({ store: store.definition })));
    const { id } = await (await client()).sagas.start('s', GATED);
    const ended = waiting.map(({ sagas }) => sagas.waitFor(id, { timeoutMs: 60_000 }));
    await gate.reached;
    await looked(stores, id, 1);
    gate.open();
    expect((await Promise.all(ended)).map(({ state }) => state)).toEqual(['completed', 'completed']);
    // When they began, and when they could be told: after that nobody looks for an hour.
    for (const { asked } of stores) expect(asked.filter((ids) => ids.includes(id)).length).toBeLessThanOrEqual(4);
  });

  it('is told when it gets stuck', async () => {
    await worker();
    const store = new BlindStore(namespace);
    const app = await client({ store: store.definition });
    await hears(app, store);
    const steps = [
      { name: 'a', action: 'quick', compensation: 'never' },
      { name: 'b', action: 'refuse' },
    ];
    const ended = app.sagas.execute('s', steps, {}, { timeoutMs: 60_000 }).catch((error: unknown) => error);
    await gate.reached;
    gate.open();
    expect(await ended).toBeInstanceOf(SagaStuckError);
  });

  it('is told again after the connection was lost, and finds what ended meanwhile', async () => {
    await worker();
    const store = new BlindStore(namespace);
    const { app, wire } = await clientOnWire({ store: store.definition });
    await app.sagas.execute('s', QUICK);
    const { id } = await app.sagas.start('s', GATED);
    await gate.reached;
    const ended = app.sagas.waitFor(id, { timeoutMs: 60_000 });
    await wire.plugOut();
    gate.open();
    expect((await ended).state).toBe('completed');
    await wire.plugIn();
    await hears(app, store);
  });

  it('finds it out by the slow look while its broker is down', async () => {
    await worker();
    const { app, wire } = await clientOnWire({ waitPollMs: 300 });
    await wire.plugOut();
    expect((await app.sagas.execute('s', QUICK, {}, { timeoutMs: 60_000 })).state).toBe('completed');
  });

  it('can be one of a thousand, for the price of a few looks', async () => {
    await worker();
    const store = new BlindStore(namespace);
    const { sagas } = await client({ store: store.definition });
    const { id } = await sagas.start('s', GATED);
    await gate.reached;
    const others = await Promise.all(Array.from({ length: 20 }, () => sagas.start('s', GATED)));
    const ids = [id, ...others.map((other) => other.id)];
    const all = Array.from({ length: 1_000 }, (_, i) => sagas.waitFor(ids[i % ids.length] as string, { timeoutMs: 60_000 }));
    await looked([store], id, 1);
    gate.open();
    expect(new Set((await Promise.all(all)).map(({ state }) => state))).toEqual(new Set(['completed']));
    expect(store.asked.length).toBeLessThan(20);
  });

  it('gets a last look when its time is over, and none is too short for that', async () => {
    const { sagas, signal } = await worker();
    const { id } = await sagas.start('s', QUICK);
    await signal('saga.ended', ({ sagaId }) => sagaId === id);
    expect((await sagas.waitFor(id, { timeoutMs: 0 })).state).toBe('completed');
    const { id: open } = await sagas.start('s', GATED);
    await expect(sagas.waitFor(open, { timeoutMs: 0 })).rejects.toThrow(SagaWaitTimeoutError);
    await expect(sagas.waitFor('01ARZ3NDEKTSV4RRFFQ69G5FAV')).rejects.toThrow(SagaNotFoundError);
    await expect(sagas.waitFor('no id')).rejects.toThrow(SagaNotFoundError);
  });

  it('is told without a broker too, between applications in one process', async () => {
    const transport = inProcessTransport();
    const real = inMemoryStore();
    let shared: ReturnType<typeof real.create> | undefined;
    const store = { ...real, create: (environment: never) => (shared ??= real.create(environment)) };
    await worker({ store, transport });
    const { sagas } = await client({ store, transport });
    const ended = sagas.execute('s', GATED, {}, { timeoutMs: 60_000 });
    await gate.reached;
    gate.open();
    expect((await ended).state).toBe('completed');
  });

  it('keeps no process alive once its application is closed, and is told that it waits in vain', async () => {
    await worker();
    const program = new Program('test/e2e/results/waiting.mjs', { NAMESPACE: namespace });
    try {
      await program.says(/^it is completed$/);
      await program.says(/^closed: SAGA_CLOSED$/);
      expect(await Promise.race([program.ended, later(10_000)])).toEqual({ code: 0, signal: null });
    } finally {
      await program.end('SIGKILL');
    }
  });
});

/** Blinds the store: from here on only a notice, or the last look at its timeout, lets anybody return. Until the first comes first. */
async function hears({ sagas }: SagaApp, store: BlindStore): Promise<void> {
  store.isBlind = true;
  await until(async () => {
    const began = performance.now();
    await sagas.execute('s', QUICK, {}, { timeoutMs: 3_000 });
    return performance.now() - began < 2_500;
  });
}

/** Until each store was asked so often for this saga. */
async function looked(stores: readonly BlindStore[], id: string, times: number): Promise<void> {
  await until(() => stores.every(({ asked }) => asked.filter((ids) => ids.includes(id)).length >= times));
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error('not within 20 s');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function later(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve('still alive'), ms).unref());
}
