import { setTimeout as pause } from 'node:timers/promises';
import { isTransient } from './database.error';

const DELAYS_MS: readonly number[] = [10, 50, 200];

/**
 * Runs something that may safely run twice, again when that may help.
 *
 * @param isPassing default: when the database was out for a moment
 */
export async function retrying<T>(work: (attempt: number) => Promise<T>, isPassing = isTransient): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      const delay = DELAYS_MS[attempt];
      if (delay === undefined || !isPassing(error)) throw error;
      await pause(delay);
    }
  }
}
