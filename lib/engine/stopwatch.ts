import type { Claim } from '../ports/saga-store';

/** Milliseconds since the first attempt began: by the store's clock until the claim, from then on by this process's own. */
export type Stopwatch = () => number;

export function stopwatch(claim: Claim): Stopwatch {
  const claimedAt = performance.now();
  return () => claim.elapsedMs + (performance.now() - claimedAt);
}
