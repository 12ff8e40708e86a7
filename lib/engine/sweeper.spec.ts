import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { SagaStore } from '../ports/saga-store';
import type { SweepResult } from '../ports/sweep';
import type { Committer } from './committer';
import type { Dispatcher } from './dispatcher';
import { Sweeper } from './sweeper';

const TIMES = { graceMs: 100, resendMs: 1_000, sweepMs: 5_000 };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

it('does not ask without a pause when all that is due is held by others', async () => {
  let sweeps = 0;
  // A full batch of which nothing could be taken: more is due, and it is due at once.
  const sweep = async (): Promise<SweepResult> => {
    sweeps++;
    return Promise.resolve({ wakeUps: [], expired: [], waits: [], deadlines: [], nextInMs: 0 });
  };
  const idle = { inFallback: false } as Dispatcher;
  const sweeper = new Sweeper({ sweep } as unknown as SagaStore, idle, {} as Committer, { notify: () => undefined }, TIMES, () => false);
  sweeper.start();
  await jest.advanceTimersByTimeAsync(1_000);
  const ended = sweeper.stop();
  await jest.runAllTimersAsync();
  await ended;
  expect(sweeps).toBeLessThanOrEqual(21);
});
