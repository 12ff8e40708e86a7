import { afterEach, describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import { InProcessTransport } from '../adapters/memory/in-process.transport';
import { InProcessExchange } from '../adapters/memory/in-process.transport-exchange';
import { NodeIdentity } from '../adapters/node/node-identity';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { contextRef, ref } from '../core/reference';
import { PLAN_FORMAT } from '../core/plan';
import { transition } from '../core/transition';
import type { RetryPolicy } from '../core/retry-policy';
import { StepError } from '../errors';
import { resolveSagaOptions } from '../options/resolve-saga-options';
import type { SagaModuleOptions } from '../options/saga-module-options';
import type { MessageTransport } from '../ports/message-transport';
import type { SagaSignal } from '../ports/saga-observer';
import type { ShutdownNotice } from '../ports/shutdown-notice';
import type { CompensationContext, HandlerContext, StepInvoker } from '../ports/step-invoker';
import { SagaEngine } from './saga-engine';

type Handler = (payload: unknown, context: HandlerContext & Partial<CompensationContext>) => unknown;

/** Handlers by key; a key that begins with `undo.` is a compensation. */
function invokerOf(handlers: Record<string, Handler>, retry?: RetryPolicy): StepInvoker {
  const declarations = Object.keys(handlers).map((key): HandlerDeclaration => ({
    direction: key.startsWith('undo.') ? 'undo' : 'action',
    key,
    undoes: key.startsWith('undo.') ? key.slice('undo.'.length) : null,
    policy: retry === undefined ? {} : { retry },
  }));
  return {
    declarations,
    has: (_direction, key) => Object.hasOwn(handlers, key),
    invoke: async (_direction, key, payload, context) => handlers[key]?.(payload, context),
  };
}

const open: SagaEngine[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

interface Setup {
  readonly handlers: Record<string, Handler>;
  readonly options?: SagaModuleOptions;
  readonly retry?: RetryPolicy;
  readonly store?: InMemorySagaStore;
  readonly transport?: MessageTransport;
  readonly slotWaitMs?: number;
  readonly shutdown?: ShutdownNotice;
}

async function engineWith({
  handlers,
  options = {},
  retry,
  store = new InMemorySagaStore(),
  transport = new InProcessTransport(new InProcessExchange()),
  slotWaitMs = 5_000,
  shutdown,
}: Setup) {
  const signals: SagaSignal[] = [];
  const resolved = resolveSagaOptions(options);
  expect(resolved.problems).toEqual([]);
  const observer = { notify: (signal: SagaSignal) => void signals.push(signal) };
  const engine = new SagaEngine(
    { store, transport, invoker: invokerOf(handlers, retry), observer, identity: new NodeIdentity(), ...(shutdown && { shutdown }) },
    { ...resolved.engine, slotWaitMs },
  );
  open.push(engine);
  await engine.run();
  return { engine, signals, store };
}

const fast = { defaults: { compensation: { retry: { attempts: 3, backoff: 'fixed', baseMs: 1 } } } } as const;

describe('SagaEngine', () => {
  it('runs the steps in order and completes', async () => {
    const calls: string[] = [];
    const { engine } = await engineWith({ handlers: { a: () => calls.push('a'), b: () => calls.push('b') } });
    const { id } = await engine.start(
      's',
      [
        { name: 'first', action: 'a' },
        { name: 'second', action: 'b' },
      ],
      {},
      {},
    );
    const saga = await engine.queries.waitFor(id, 5_000);
    expect(saga.state).toBe('completed');
    expect(saga.steps.map((step) => step.status)).toEqual(['completed', 'completed']);
    expect(calls).toEqual(['a', 'b']);
  });

  it('compensates completed steps in reverse when a later step fails', async () => {
    const calls: unknown[] = [];
    const { engine } = await engineWith({
      handlers: {
        a: () => ({ id: 1 }),
        b: () => ({ id: 2 }),
        c: () => {
          throw new StepError({ code: 'DECLINED', message: 'no' });
        },
        'undo.a': (output, context) => calls.push(['a', output, context.outcome]),
        'undo.b': (output, context) => calls.push(['b', output, context.outcome]),
        'undo.c': () => calls.push('c'),
      },
    });
    const { id } = await engine.start(
      's',
      ['a', 'b', 'c'].map((key) => ({ name: key, action: key })),
      {},
      {},
    );
    const saga = await engine.queries.waitFor(id, 5_000);
    expect(saga.state).toBe('compensated');
    expect(saga.cause).toEqual({ kind: 'step-failed', step: 'c', error: { code: 'DECLINED', message: 'no' } });
    expect(calls).toEqual([
      ['b', { id: 2 }, 'completed'],
      ['a', { id: 1 }, 'completed'],
    ]);
    expect(saga.steps.map((step) => [step.status, step.output])).toEqual([
      ['compensated', { id: 1 }],
      ['compensated', { id: 2 }],
      ['failed', null],
    ]);
  });

  it('resolves references to outputs of earlier steps', async () => {
    const seen: unknown[] = [];
    const { engine } = await engineWith({ handlers: { make: () => ({ order: { id: 'o-1' } }), use: (input) => seen.push(input) } });
    const { id } = await engine.start(
      's',
      [
        { name: 'make', action: 'make' },
        { name: 'use', action: 'use', input: { orderId: ref('make', 'order', 'id'), who: contextRef('customer'), fixed: 1 } },
      ],
      { customer: 'c-1' },
      {},
    );
    await engine.queries.waitFor(id, 5_000);
    expect(seen).toEqual([{ orderId: 'o-1', who: 'c-1', fixed: 1 }]);
  });

  it('says stuck, never compensated, when a compensation keeps failing; and compensate() tries it again', async () => {
    let broken = true;
    const { engine } = await engineWith({
      options: fast,
      handlers: {
        a: () => 1,
        b: () => {
          throw new Error('no');
        },
        'undo.a': () => {
          if (broken) throw new Error('still down');
        },
      },
    });
    const { id } = await engine.start(
      's',
      [
        { name: 'a', action: 'a' },
        { name: 'b', action: 'b' },
      ],
      {},
      {},
    );
    const stuck = await engine.queries.waitFor(id, 5_000);
    expect(stuck.state).toBe('stuck');
    expect(stuck.steps[0]?.status).toBe('compensation_failed');
    broken = false;
    await engine.orders.orderSaga('compensate', id, { reason: 'the bank is back', actor: 'on-call' });
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('compensated');
  });

  it('takes a lost wake-up for a delay, not for a loss', async () => {
    const silent: MessageTransport = {
      description: 'loses everything',
      open: async () => undefined,
      publish: async (wakeUps) => wakeUps.map(() => 'sent' as const),
      consume: () => undefined,
      stop: async () => undefined,
      close: async () => undefined,
      status: () => ({ connected: true, blocked: false, consuming: [] }),
      publishEvents: async (events) => events.map(() => 'sent' as const),
    };
    const { engine } = await engineWith({
      handlers: { a: () => 1, b: () => 2 },
      transport: silent,
      options: { sweepMs: 10, resendMs: 10 },
    });
    const { id } = await engine.start(
      's',
      [
        { name: 'a', action: 'a' },
        { name: 'b', action: 'b' },
      ],
      {},
      {},
    );
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('completed');
  });

  it('treats an attempt that never settles as unknown and undoes it', async () => {
    const undone: unknown[] = [];
    const { engine } = await engineWith({
      options: { graceMs: 10, sweepMs: 10 },
      handlers: {
        a: () => new Promise(() => undefined),
        'undo.a': (output, context) => undone.push([output, context.outcome]),
      },
    });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a', timeoutMs: 20 }], {}, {});
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('compensated');
    expect(undone).toEqual([[undefined, 'unknown']]);
  });

  it('undoes once more what a handler asks for that suspends after it was given up', async () => {
    let answer: () => void = () => undefined;
    let undoneTwice: () => void = () => undefined;
    const twice = new Promise<void>((resolve) => (undoneTwice = resolve));
    const undone: unknown[] = [];
    const { engine, signals } = await engineWith({
      options: { ...fast, graceMs: 0, sweepMs: 10 },
      handlers: {
        a: async (_input, ctx) => {
          await new Promise<void>((resolve) => (answer = resolve));
          return ctx.suspend();
        },
        'undo.a': (_output, ctx) => {
          if (undone.push(ctx.outcome) === 2) undoneTwice();
        },
      },
    });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a', compensation: 'undo.a', timeoutMs: 20 }], {}, {});
    await engine.queries.waitFor(id, 5_000);
    answer();
    await twice;
    expect(undone).toEqual(['unknown', 'unknown']);
    expect(signals.some(({ type }) => type === 'operation.waiting')).toBe(false);
  });

  it('closes after what runs has ended, however often and from wherever it is asked to stop', async () => {
    let settle: () => void = () => undefined;
    const { engine, store, signals } = await engineWith({ handlers: { a: () => new Promise<void>((resolve) => (settle = resolve)) } });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a' }], {}, {});
    while (!signals.some(({ type }) => type === 'operation.claimed')) await new Promise(setImmediate);
    const closings = [engine.stop(), engine.close(), engine.close()];
    settle();
    await Promise.all(closings);
    expect((await store.find(id))?.saga.state).toBe('completed');
  });

  it('does not come to life when it is closed while it opens', async () => {
    let opened: () => void = () => undefined;
    const store = new InMemorySagaStore();
    store.open = async () => new Promise<void>((resolve) => (opened = resolve));
    const resolved = resolveSagaOptions({});
    const transport = new InProcessTransport(new InProcessExchange());
    const engine = new SagaEngine(
      { store, transport, invoker: invokerOf({}), observer: { notify: () => undefined }, identity: new NodeIdentity() },
      resolved.engine,
    );
    const running = engine.run();
    const closing = engine.close();
    opened();
    await expect(running).rejects.toThrow('closed');
    await closing;
    expect(engine.trouble).toBe('the engine is closed');
  });

  it('gives a free slot to a wake-up that was turned away for want of one', async () => {
    const gates: (() => void)[] = [];
    const { engine, signals } = await engineWith({
      options: { workers: { steps: 1 }, resendMs: 60_000, sweepMs: 60_000 },
      slotWaitMs: 10,
      handlers: { a: () => new Promise<void>((resolve) => void gates.push(resolve)) },
    });
    const [first, second] = [
      await engine.start('s', [{ name: 'a', action: 'a' }], {}, {}),
      await engine.start('s', [{ name: 'a', action: 'a' }], {}, {}),
    ];
    const turnedAway = () => signals.some((signal) => signal.type === 'operation.refused' && signal.reason === 'no-slot');
    while (!turnedAway()) await new Promise(setImmediate);
    gates.shift()?.();
    await engine.queries.waitFor(first.id, 5_000);
    while (gates.length === 0) await new Promise(setImmediate);
    gates.shift()?.();
    expect((await engine.queries.waitFor(second.id, 5_000)).state).toBe('completed');
  });

  it('turns back soon after the deadline, not at the next sweep', async () => {
    const { engine } = await engineWith({
      options: { sweepMs: 60_000 },
      handlers: { a: (_input, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped'))) },
    });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a' }], {}, { deadlineMs: 50 });
    const saga = await engine.queries.waitFor(id, 5_000);
    expect([saga.state, saga.cause]).toEqual(['failed', { kind: 'deadline' }]);
  });

  it('claims nothing more from the moment at which the process is asked to end, and takes what handlers throw then for an interruption', async () => {
    let askToEnd = (): void => undefined;
    let fail = (): void => undefined;
    const shutdown = { listen: (told: () => void) => void (askToEnd = told), close: () => undefined };
    const { engine, store, signals } = await engineWith({
      shutdown,
      handlers: { a: () => new Promise((_, reject) => (fail = () => reject(new Error('the client is closed')))) },
    });
    const running = await engine.start('s', [{ name: 'a', action: 'a' }], {}, {});
    while (!signals.some(({ type }) => type === 'operation.claimed')) await new Promise(setImmediate);
    askToEnd();
    const late = await engine.start('s', [{ name: 'a', action: 'a' }], {}, {});
    fail();
    await engine.close();
    const operations = await Promise.all([running, late].map(async ({ id }) => (await store.find(id))?.saga.operations.get('action:0:1')));
    expect(operations).toMatchObject([
      { state: 'started', claims: 0, losses: 0, fence: 1 },
      { state: 'started', claims: 0, losses: 0, fence: 0 },
    ]);
  });

  it('gives a claim back that was under way when the process was asked to end', async () => {
    let askToEnd = (): void => undefined;
    const store = new InMemorySagaStore();
    const claim = store.claim.bind(store);
    store.claim = async (request) => {
      const result = await claim(request);
      askToEnd();
      return result;
    };
    let calls = 0;
    const shutdown = { listen: (told: () => void) => void (askToEnd = told), close: () => undefined };
    const { engine, signals } = await engineWith({ shutdown, store, handlers: { a: () => calls++ }, options: { dispatch: 'broker' } });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a' }], {}, {});
    while (!signals.some(({ type }) => type === 'operation.claimed')) await new Promise(setImmediate);
    await engine.close();
    const operation = (await store.find(id))?.saga.operations.get('action:0:1');
    expect(operation).toMatchObject({ state: 'started', claims: 0, losses: 0, hadUnknown: false });
    expect(calls).toBe(0);
  });

  it('gives a claim back that came with a start when the process was asked to end meanwhile', async () => {
    let askToEnd = (): void => undefined;
    const store = new InMemorySagaStore();
    const start = store.start.bind(store);
    store.start = async (request) => {
      const result = await start(request);
      askToEnd();
      return result;
    };
    let calls = 0;
    const shutdown = { listen: (told: () => void) => void (askToEnd = told), close: () => undefined };
    const { engine } = await engineWith({ shutdown, store, handlers: { a: () => calls++ } });
    const { id } = await engine.start('s', [{ name: 'a', action: 'a' }], {}, {});
    await engine.close();
    const operation = (await store.find(id))?.saga.operations.get('action:0:1');
    expect(operation).toMatchObject({ state: 'started', claims: 0, fence: 1, losses: 0, hadUnknown: false });
    expect(calls).toBe(0);
  });

  it('runs what lost two processes alone, says so in the claim, and goes on with the others after it', async () => {
    const store = new InMemorySagaStore();
    const client = await engineWith({ store, handlers: { suspect: () => 1 }, options: { workers: { steps: 0, compensations: 0 } } });
    const { id: suspect } = await client.engine.start('s', [{ name: 'suspect', action: 'suspect' }], {}, {});
    for (let loss = 1; loss <= 2; loss++) await loseItsProcess(store, suspect);

    const log: string[] = [];
    let end = (): void => undefined;
    const handlers: Record<string, Handler> = {
      suspect: async () => {
        log.push('suspect begins');
        await new Promise<void>((resolve) => (end = resolve));
        log.push('suspect ends');
      },
      other: () => log.push('other'),
    };
    const { engine, signals } = await engineWith({ store, handlers, options: { sweepMs: 10, resendMs: 10 }, slotWaitMs: 10 });
    while (log.length === 0) await new Promise(setImmediate);
    expect((await store.find(suspect))?.saga.operations.get('action:0:1')).toMatchObject({ state: 'running', alone: true, losses: 2 });

    const { id: other } = await engine.start('s', [{ name: 'other', action: 'other' }], {}, {});
    const isTurnedAway = () => signals.some((signal) => signal.type === 'operation.refused' && signal.reason === 'no-slot');
    while (!isTurnedAway()) await new Promise(setImmediate);
    end();
    const ended = await Promise.all([suspect, other].map(async (id) => engine.queries.waitFor(id, 5_000)));
    expect(ended.map(({ state }) => state)).toEqual(['completed', 'completed']);
    expect(log).toEqual(['suspect begins', 'suspect ends', 'other']);
  });
});

/** A process claims the first action of a saga and is never heard of again. */
async function loseItsProcess(store: InMemorySagaStore, sagaId: string): Promise<void> {
  const operation = { step: 0, direction: 'action', round: 1 } as const;
  const claimed = await store.claim({ sagaId, operation, claimId: 'lost', worker: 'dead', leaseMs: 1, planFormat: PLAN_FORMAT });
  if (claimed.kind !== 'claimed') throw new Error(claimed.reason);
  const event = { type: 'lease-expired', operation, fence: claimed.claim.operation.fence, claimId: 'lost', elapsedMs: 0, seed: 0 } as const;
  const isTaken = async () => (await store.apply([{ sagaId, event, resendMs: 10, graceMs: 0 }], transition))[0]?.kind === 'applied';
  while (!(await isTaken())) await new Promise(setImmediate);
}
