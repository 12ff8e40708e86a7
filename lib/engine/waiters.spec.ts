import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { SagaClosedError, SagaNotFoundError, SagaWaitTimeoutError } from '../errors';
import type { SagaState } from '../core/saga-value';
import type { NoticeBoard, NoticeEar } from '../ports/notice-board';
import type { SagaSignal } from '../ports/saga-observer';
import { Waiters } from './waiters';

const POLL_MS = 5_000;

const idOf = (number: number, lane = '00'): string => `01J0000000${lane}${String(number).padStart(14, '0')}`;

/** A broker between one process and all the others. */
class Board implements NoticeBoard {
  isListening = true;
  readonly followed = new Set<string>();
  readonly told: string[] = [];
  ear: NoticeEar | undefined;

  tell(topic: string, text: string): void {
    this.told.push(`${topic} ${text}`);
  }
  follow(topic: string): void {
    this.followed.add(topic);
    if (this.isListening) this.ear?.onFollowed(topic);
  }
  unfollow(topic: string): void {
    this.followed.delete(topic);
  }
}

class Store {
  readonly states = jest.fn(async (ids: readonly string[]) => {
    await this.answer;
    return new Map(ids.filter((id) => !this.gone.has(id)).map((id) => [id, this.of.get(id) ?? 'started']));
  });
  readonly of = new Map<string, SagaState>();
  readonly gone = new Set<string>();
  answer: Promise<void> = Promise.resolve();

  get asked(): number {
    return this.states.mock.calls.length;
  }
}

function processWith({ hasBoard = true, pollMs = POLL_MS } = {}) {
  const board = new Board();
  const store = new Store();
  const signals: SagaSignal[] = [];
  const notices = (ear: NoticeEar): NoticeBoard => {
    board.ear = ear;
    return board;
  };
  const waiters = new Waiters(store, hasBoard ? { notices } : {}, { notify: (signal) => void signals.push(signal) }, pollMs);
  return { store, board, waiters, signals };
}

/** Everything that is not a matter of time has happened. */
async function quiet(): Promise<void> {
  await jest.advanceTimersByTimeAsync(0);
}

function outcomeOf(waiting: Promise<unknown>): { settled: unknown } {
  const outcome = { settled: 'waiting' as unknown };
  waiting.then(
    () => (outcome.settled = 'ended'),
    (error: unknown) => (outcome.settled = error),
  );
  return outcome;
}

describe('Waiters', () => {
  jest.useFakeTimers();
  afterEach(() => {
    expect(jest.getTimerCount()).toBe(0); // whoever stops waiting leaves nothing behind
    jest.clearAllTimers();
  });

  it('resolve at once when the saga ends here, and tell the others', async () => {
    const { waiters, board, store } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    const asked = store.asked;
    waiters.ended(idOf(1));
    await quiet();
    expect(outcome.settled).toBe('ended');
    expect(store.asked).toBe(asked);
    expect(board.told).toEqual([`ended.00 ${idOf(1)}`]);
    waiters.close();
  });

  it('resolve on a notice that the saga ended elsewhere, without another look', async () => {
    const { waiters, board, store } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    const asked = store.asked;
    board.ear?.onNotice('ended.00', idOf(1));
    await quiet();
    expect(outcome.settled).toBe('ended');
    expect(store.asked).toBe(asked);
    waiters.close();
  });

  it.each<[SagaState, unknown]>([
    ['completed', 'ended'],
    ['stuck', 'ended'],
    ['compensated', 'ended'],
    ['failed', 'ended'],
    ['started', 'waiting'],
    ['compensating', 'waiting'],
  ])('find a saga that is %s when they begin: %s', async (state, expected) => {
    const { waiters, store } = processWith();
    store.of.set(idOf(1), state);
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    expect(outcome.settled).toBe(expected);
    waiters.close();
    await quiet();
  });

  it('look again as soon as they can be told: an end between the first look and the subscription is not lost', async () => {
    const { waiters, board, store } = processWith();
    board.isListening = false; // the broker has not answered yet
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    store.of.set(idOf(1), 'completed'); // told to nobody
    expect(outcome.settled).toBe('waiting');
    board.isListening = true;
    board.ear?.onFollowed('ended.00');
    await quiet();
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it('look once more when a subscription comes while they are looking', async () => {
    const { waiters, board, store } = processWith();
    board.isListening = false;
    let answer = (): void => undefined;
    store.answer = new Promise((resolve) => (answer = resolve));
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    expect(store.asked).toBe(1);
    board.ear?.onFollowed('ended.00');
    store.states.mockImplementationOnce(async () => new Map([[idOf(1), 'completed']]));
    answer();
    await quiet();
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it('find what no notice told by the slow look', async () => {
    const { waiters, store } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    store.of.set(idOf(1), 'completed');
    await jest.advanceTimersByTimeAsync(POLL_MS - 1);
    expect(outcome.settled).toBe('waiting');
    await jest.advanceTimersByTimeAsync(1);
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it.each(['a transport without notices', 'a broker that is out of reach'])('look each second with %s', async (which) => {
    const { waiters, store, board } = processWith({ hasBoard: which !== 'a transport without notices' });
    board.isListening = false;
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    store.of.set(idOf(1), 'completed');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it('look within a second when the broker goes out of reach while they wait', async () => {
    const { waiters, store, board } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await jest.advanceTimersByTimeAsync(1_500);
    board.isListening = false;
    store.of.set(idOf(1), 'completed');
    await jest.advanceTimersByTimeAsync(500);
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it('say so when the saga is not there, or has been removed', async () => {
    const { waiters, store } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    store.gone.add(idOf(1));
    await jest.advanceTimersByTimeAsync(POLL_MS);
    expect(outcome.settled).toBeInstanceOf(SagaNotFoundError);
    waiters.close();
  });

  it('stop at their timeout, each at its own, and say the time that was asked for', async () => {
    const { waiters } = processWith();
    const [one, other] = [outcomeOf(waiters.wait(idOf(1), 100, 250)), outcomeOf(waiters.wait(idOf(1), 200))];
    await jest.advanceTimersByTimeAsync(100);
    expect(one.settled).toBeInstanceOf(SagaWaitTimeoutError);
    expect(String(one.settled)).toContain('250');
    expect(other.settled).toBe('waiting');
    await jest.advanceTimersByTimeAsync(100);
    expect(other.settled).toBeInstanceOf(SagaWaitTimeoutError);
    waiters.close();
  });

  it('say so when a look fails, and look again soon', async () => {
    const { waiters, store, signals } = processWith();
    store.states.mockRejectedValueOnce(new Error('no database'));
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    await quiet();
    expect(signals).toMatchObject([{ type: 'engine.trouble', where: 'look for waiters' }]);
    store.of.set(idOf(1), 'completed');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(outcome.settled).toBe('ended');
    waiters.close();
  });

  it('are refused when the process closes, and from then on', async () => {
    const { waiters } = processWith();
    const before = outcomeOf(waiters.wait(idOf(1), 60_000));
    waiters.close();
    const after = outcomeOf(waiters.wait(idOf(2), 60_000));
    await quiet();
    expect([before.settled, after.settled]).toEqual([expect.any(SagaClosedError), expect.any(SagaClosedError)]);
  });

  it('cost nothing while nobody waits: nothing is asked, and after a while nothing is heard', async () => {
    const { waiters, store, board } = processWith();
    await jest.advanceTimersByTimeAsync(10 * POLL_MS);
    expect([store.asked, board.followed.size]).toEqual([0, 0]);
    void waiters.wait(idOf(1), 60_000);
    await quiet();
    waiters.ended(idOf(1));
    const asked = store.asked;
    expect(board.followed.size).toBe(1); // the next caller will want it
    await jest.advanceTimersByTimeAsync(30_000);
    expect([store.asked, board.followed.size]).toEqual([asked, 0]);
    waiters.close();
  });

  it('are cheap by the ten thousand: one subscription, a query a thousand, a timer each', async () => {
    const { waiters, store, board } = processWith();
    const all = Array.from({ length: 10_000 }, (_, i) => outcomeOf(waiters.wait(idOf(i), 60_000)));
    await quiet();
    expect(board.followed.size).toBe(1);
    expect(store.asked).toBeLessThanOrEqual(20);
    expect(jest.getTimerCount()).toBe(10_001);
    const asked = store.asked;
    await jest.advanceTimersByTimeAsync(POLL_MS);
    expect(store.asked - asked).toBe(10);
    expect(store.states.mock.calls.every(([ids]) => ids.length <= 1_000)).toBe(true);
    for (let i = 0; i < 10_000; i++) board.ear?.onNotice('ended.00', idOf(i));
    await quiet();
    expect(all.every(({ settled }) => settled === 'ended')).toBe(true);
    waiters.close();
  });

  it('follow the lanes of the sagas that they wait for, each once', async () => {
    const { waiters, board } = processWith();
    const follow = jest.spyOn(board, 'follow');
    for (const lane of ['0A', 'ZZ', '0A']) void waiters.wait(idOf(follow.mock.calls.length, lane), 60_000).catch(() => undefined);
    void waiters.wait(idOf(0, '0A'), 60_000).catch(() => undefined);
    expect(follow.mock.calls.flat()).toEqual(['ended.0A', 'ended.ZZ']);
    waiters.close();
    await quiet();
  });

  it('take what is told for a reason to look only: what is no id of a saga is nothing', async () => {
    const { waiters, board } = processWith();
    const outcome = outcomeOf(waiters.wait(idOf(1), 60_000));
    for (const text of ['', 'x', idOf(2), '__proto__']) board.ear?.onNotice('ended.00', text);
    await quiet();
    expect(outcome.settled).toBe('waiting');
    waiters.close();
    await quiet();
  });
});
