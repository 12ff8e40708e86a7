import { startTimer } from './long-timer';

/** What the promise resolves with, or null when the time is over first. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | null> {
  return new Promise((resolve) => {
    const timer = startTimer(ms, () => {
      resolve(null);
    });
    void promise.then((value) => {
      timer.cancel();
      resolve(value);
    });
  });
}
