import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import { InProcessTransport } from '../adapters/memory/in-process.transport';
import { InProcessExchange } from '../adapters/memory/in-process.transport-exchange';
import { NodeIdentity } from '../adapters/node/node-identity';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { StepError } from '../errors';
import { resolveSagaOptions } from '../options/resolve-saga-options';
import type { SagaModuleOptions } from '../options/saga-module-options';
import type { SagaSignal } from '../ports/saga-observer';
import type { HandlerContext, StepInvoker } from '../ports/step-invoker';
import { SagaEngine } from './saga-engine';

type Handler = (payload: never, context: HandlerContext) => unknown;

const open: SagaEngine[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

async function running(handlers: Record<string, Handler>, options: SagaModuleOptions = {}) {
  const declarations = Object.keys(handlers).map((key): HandlerDeclaration => ({
    direction: key.startsWith('undo.') ? 'undo' : 'action',
    key,
    undoes: key.startsWith('undo.') ? key.slice('undo.'.length) : null,
    policy: {},
  }));
  const invoker: StepInvoker = {
    declarations,
    has: (_direction, key) => Object.hasOwn(handlers, key),
    invoke: async (_direction, key, payload, context) => handlers[key]?.(payload as never, context),
  };
  const signals: SagaSignal[] = [];
  const store = new InMemorySagaStore();
  const transport = new InProcessTransport(new InProcessExchange());
  const observer = { notify: (signal: SagaSignal) => void signals.push(signal) };
  const { engine: resolved, problems } = resolveSagaOptions(options);
  expect(problems).toEqual([]);
  const engine = new SagaEngine({ store, transport, invoker, observer, identity: new NodeIdentity() }, resolved);
  open.push(engine);
  await engine.run();
  const sent = (): number => signals.filter(({ type }) => type === 'wake-up.sent').length;
  return { engine, store, sent };
}

const ABC = ['a', 'b', 'c'].map((name) => ({ name, action: name }));
const FAST: Record<string, Handler> = { a: () => 1, b: () => 2, c: () => 3 };

describe('chaining', () => {
  it('spares every message of a saga whose handlers are all here', async () => {
    const { engine, sent } = await running(FAST);
    const { id } = await engine.start('s', ABC, {}, {});
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('completed');
    expect(sent()).toBe(0);
  });

  it("is turned off by dispatch: 'broker': a message goes round for every step", async () => {
    const { engine, sent } = await running(FAST, { dispatch: 'broker' });
    const { id } = await engine.start('s', ABC, {}, {});
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('completed');
    expect(sent()).toBe(3);
  });

  it('sends a message after 32 operations in a row', async () => {
    const { engine, sent } = await running({ a: () => null });
    const steps = Array.from({ length: 40 }, (_, place) => ({ name: `s${place}`, action: 'a' }));
    const { id } = await engine.start('s', steps, {}, {});
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('completed');
    expect(sent()).toBe(1);
  });

  it('turns back with its saga, into a slot for compensations', async () => {
    const undone: unknown[] = [];
    const refuse = (): never => {
      throw new StepError({ message: 'no', retryable: false });
    };
    const { engine, sent } = await running({ ...FAST, 'undo.a': (output) => undone.push(output), c: refuse });
    const steps = [{ name: 'a', action: 'a', compensation: 'undo.a' }, ...ABC.slice(1)];
    const { id } = await engine.start('s', steps, {}, {});
    expect((await engine.queries.waitFor(id, 5_000)).state).toBe('compensated');
    expect([undone, sent()]).toEqual([[1], 0]);
  });

  it('claims no undo in a process that runs none', async () => {
    const { engine, store, sent } = await running(
      { a: () => 1, 'undo.a': () => 0, b: () => Promise.reject(new StepError({ message: 'no', retryable: false })) },
      { workers: { compensations: 0 } },
    );
    const steps = [
      { name: 'a', action: 'a', compensation: 'undo.a' },
      { name: 'b', action: 'b' },
    ];
    const { id } = await engine.start('s', steps, {}, {});
    while (sent() === 0) await new Promise(setImmediate);
    expect((await store.find(id))?.saga.operations.get('undo:0:1')).toMatchObject({ state: 'started', claims: 0 });
  });

  it('claims nothing more once its process is asked to end', async () => {
    let stopping: Promise<void> | undefined;
    const { engine, store } = await running({ ...FAST, a: () => void (stopping = engine.stop()) });
    const { id } = await engine.start('s', ABC, {}, {});
    while (stopping === undefined) await new Promise(setImmediate);
    await stopping;
    const operations = (await store.find(id))?.saga.operations;
    expect(operations?.get('action:0:1')?.state).toBe('completed');
    expect(operations?.get('action:1:1')).toMatchObject({ state: 'started', claims: 0, fence: 0 }); // not claimed and given back
  });

  it('starts nothing in a slot that somebody else waits for', async () => {
    const begun: (() => void)[] = [];
    const { engine, sent } = await running({ a: () => new Promise<void>((resolve) => begun.push(resolve)) }, { workers: { steps: 1 } });
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) ids.push((await engine.start('s', [{ name: 'a', action: 'a' }], {}, {})).id);
    for (const id of ids) {
      while (begun.length === 0) await new Promise(setImmediate);
      expect(begun).toHaveLength(1);
      begun.shift()?.();
      expect(id).toBeTruthy();
    }
    for (const id of ids) expect((await engine.queries.waitFor(id, 5_000)).state).toBe('completed');
    expect(sent()).toBe(2);
  });

  it('keeps no more than one slot for those that start with the same business key', async () => {
    const { engine, store } = await running({ a: () => 1 }, { workers: { steps: 2 } });
    const start = store.start.bind(store);
    let free = (): void => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    store.start = async (request) => (request.businessKey === null ? undefined : await held, start(request));
    const steps = [{ name: 'a', action: 'a' }];
    const same = Array.from({ length: 5 }, async () => engine.start('s', steps, {}, { businessKey: 'same' }));
    const { id } = await engine.start('s', steps, {}, {});
    const other = await engine.queries.waitFor(id, 2_000).finally(free);
    expect(other.state).toBe('completed');
    const started = await Promise.all(same);
    expect(started.filter(({ created }) => created)).toHaveLength(1);
    expect((await engine.queries.waitFor(started[0]?.id ?? '', 5_000)).state).toBe('completed');
    expect((await engine.start('s', steps, {}, { businessKey: 'same' })).created).toBe(false);
  });

  it('runs no handler in the async context of whoever starts its saga', async () => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const { engine, sent } = await running({ a: () => void seen.push(request.getStore()), b: () => void seen.push(request.getStore()) });
    const { id } = await request.run('a request', () => engine.start('s', ABC.slice(0, 2), {}, {}));
    await engine.queries.waitFor(id, 5_000);
    expect([seen, sent()]).toEqual([[undefined, undefined], 0]);
  });
});
