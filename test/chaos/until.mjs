import { setTimeout as pause } from 'node:timers/promises';

/** The first answer that is not undefined, or undefined when there is none in time. Errors of the probe count as no answer. */
export async function until(probe, withinMs, everyMs = 15) {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await probe().catch(() => undefined);
    if (answer !== undefined || performance.now() > deadline) return answer;
    await pause(everyMs);
  }
}
