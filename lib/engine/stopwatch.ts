import type { Claim } from '../ports/claim';
import type { Scheduler } from '../ports/scheduler';

/** Milliseconds since the first attempt began: by the store's clock until the claim, from then on by this process's own. */
export type Stopwatch = () => number;

export function stopwatch(claim: Claim, scheduler: Pick<Scheduler, 'now'>): Stopwatch {
  const claimedAt = scheduler.now();
  return () => claim.elapsedMs + (scheduler.now() - claimedAt);
}
