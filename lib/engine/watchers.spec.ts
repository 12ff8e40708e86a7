import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import { SagaClosedError, SagaNotFoundError } from '../errors';
import type { SagaSignal } from '../ports/saga-observer';
import { action, plan, Scenario, step, TWO_STEPS, undo } from '../testing/store-contract.scenario';
import { PushStream } from './push-stream';
import { Waiters } from './waiters';
import { Watchers, type SagaWatchEvent } from './watchers';

const idOf = (number: number): string => `01J${String(number).padStart(23, '0')}`;

let waiters: Waiters;

function site() {
  const store = new InMemorySagaStore();
  const glance = jest.spyOn(store, 'glance');
  const signals: SagaSignal[] = [];
  const observer = { notify: (signal: SagaSignal) => void signals.push(signal) };
  waiters = new Waiters(store, {}, observer, 3_600_000);
  return { store, glance, signals, watchers: new Watchers(store, waiters, observer), scenario: new Scenario(store) };
}

function reader(capacity = 1): { readonly stream: PushStream<SagaWatchEvent>; readonly seen: string[]; settled: unknown } {
  const stream = new PushStream<SagaWatchEvent>({ capacity });
  const read = { stream, seen: [] as string[], settled: 'reading' as unknown };
  void (async () => {
    for await (const { state, done, of, step: name } of stream)
      read.seen.push(`${state} ${done}/${of}${name === undefined ? '' : ` ${name}`}`);
  })().then(
    () => (read.settled = 'over'),
    (error: unknown) => (read.settled = error),
  );
  return read;
}

const second = (): Promise<void> => jest.advanceTimersByTimeAsync(1_000);

describe('Watchers', () => {
  jest.useFakeTimers();
  afterEach(() => {
    waiters.close();
    expect(jest.getTimerCount()).toBe(0); // who stops watching leaves nothing behind
    jest.clearAllTimers();
  });

  it('show what happens elsewhere within a second, forwards and backwards, each change once, until the saga has ended', async () => {
    const { watchers, scenario } = site();
    const sagaId = await scenario.start(TWO_STEPS, { sagaId: idOf(1) });
    const read = reader();
    await watchers.watch(sagaId, read.stream);
    await second();
    await scenario.perform(sagaId, action(0));
    await second();
    await second();
    await scenario.fail(await scenario.claim(sagaId, action(1)));
    await second();
    await scenario.perform(sagaId, undo(0));
    await second();
    expect(read.seen).toEqual(['started 0/2', 'started 1/2 a', 'compensating 1/2 b', 'compensated 0/2 a']);
    expect(read.settled).toBe('over');
  });

  it('show what happens here at once, and never what is older', async () => {
    const { watchers, scenario } = site();
    const sagaId = await scenario.start(TWO_STEPS, { sagaId: idOf(1) });
    const read = reader();
    await watchers.watch(sagaId, read.stream);
    const { saga: before } = await scenario.find(sagaId);
    await scenario.perform(sagaId, action(0));
    const { saga } = await scenario.find(sagaId);
    watchers.happened(saga, 0);
    watchers.happened(before, null);
    await jest.advanceTimersByTimeAsync(0);
    expect(read.seen).toEqual(['started 0/2', 'started 1/2 a']);
    await read.stream.return();
  });

  it('end with a saga that has ended already, or gets stuck', async () => {
    const { watchers, scenario } = site();
    const done = await scenario.start(plan([step('a')]), { sagaId: idOf(1) });
    await scenario.perform(done, action(0));
    const stuck = await scenario.start(TWO_STEPS, { sagaId: idOf(2) });
    const [first, other] = [reader(), reader()];
    await watchers.watch(done, first.stream);
    await watchers.watch(stuck, other.stream);
    await scenario.perform(stuck, action(0));
    await scenario.fail(await scenario.claim(stuck, action(1)));
    await scenario.fail(await scenario.claim(stuck, undo(0)));
    await second();
    expect([first.seen, first.settled]).toEqual([['completed 1/1'], 'over']);
    expect([other.seen.at(-1), other.settled]).toEqual(['stuck 1/2 a', 'over']);
  });

  it('look at all sagas in one query, and ask nothing when nobody watches', async () => {
    const { watchers, scenario, glance } = site();
    const readers = await Promise.all(
      Array.from({ length: 50 }, async (_, n) => {
        const read = reader();
        await watchers.watch(await scenario.start(TWO_STEPS, { sagaId: idOf(n) }), read.stream);
        return read;
      }),
    );
    await second();
    expect(glance).toHaveBeenCalledTimes(1);
    for (const { stream } of readers) await stream.return();
    await second();
    expect(glance).toHaveBeenCalledTimes(1);
    const again = reader();
    await watchers.watch(idOf(0), again.stream);
    await second();
    expect(glance).toHaveBeenCalledTimes(2);
    await again.stream.return();
  });

  it('fail when there is no such saga, when it is removed, and when the process closes', async () => {
    const { watchers, scenario, store } = site();
    const [none, removed, closed] = [reader(), reader(), reader()];
    await watchers.watch('no id', none.stream);
    await watchers.watch(await scenario.start(TWO_STEPS, { sagaId: idOf(1) }), removed.stream);
    await scenario.apply(idOf(1), { type: 'terminate', reason: null, actor: null });
    await store.delete(idOf(1));
    await second();
    await watchers.watch(await scenario.start(TWO_STEPS, { sagaId: idOf(2) }), closed.stream);
    waiters.close();
    await jest.advanceTimersByTimeAsync(0);
    expect([none, removed, closed].map(({ settled }) => settled)).toEqual([
      expect.any(SagaNotFoundError),
      expect.any(SagaNotFoundError),
      expect.any(SagaClosedError),
    ]);
  });

  it('go on looking when a look fails', async () => {
    const { watchers, scenario, glance, signals } = site();
    const sagaId = await scenario.start(TWO_STEPS, { sagaId: idOf(1) });
    const read = reader();
    await watchers.watch(sagaId, read.stream);
    glance.mockRejectedValueOnce(new Error('no database'));
    await scenario.perform(sagaId, action(0));
    await second();
    expect(signals).toMatchObject([{ type: 'engine.trouble', where: 'look for watchers' }]);
    await second();
    expect(read.seen.at(-1)).toBe('started 1/2 a');
    await read.stream.return();
  });
});
