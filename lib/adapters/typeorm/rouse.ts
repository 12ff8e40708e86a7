import { setTimeout as pause } from 'node:timers/promises';
import type { RouseRow } from './rouse.statement';

/** A batch in which somebody held a saga is looked at again after these pauses; then what is left waits for its next wake-up. */
const PAUSES_MS: readonly number[] = [5, 20, 100];

/** Goes through the active sagas, batch after batch. */
export async function rouse(batchAfter: (seq: number) => Promise<readonly RouseRow[]>): Promise<void> {
  for (let seq = 0, tries = 0; ;) {
    const [batch] = await batchAfter(seq);
    const pauseMs = PAUSES_MS[tries];
    if (batch?.is_partial === true && pauseMs !== undefined) {
      tries++;
      await pause(pauseMs);
      continue;
    }
    if (batch?.is_full !== true) return;
    tries = 0;
    seq = batch.last ?? seq;
  }
}
