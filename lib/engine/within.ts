import type { Scheduler } from '../ports/scheduler';

/** What the promise resolves with, or null when the time is over first. */
export function within<T>(promise: Promise<T>, ms: number, scheduler: Scheduler): Promise<T | null> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(null);
    const timer = scheduler.after(ms, giveUp, { keepsAlive: false }); // a handler that hangs must not keep its process alive
    void promise.then((value) => {
      timer.cancel();
      resolve(value);
    });
  });
}
