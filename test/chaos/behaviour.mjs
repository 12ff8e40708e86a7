// How a step misbehaves, as its input says it: `{ fails, slowMs, loses, times }`, each for the first `times` requests (default: all),
// or a list of these: the n-th request meets the n-th, and the last stays.
//   fails   'final' | 'retryable' | 'thrown': refused before any effect, and the handler throws
//   loses   the effect happens, the answer never comes: nobody can say what happened
//   slowMs  the answer takes so long

const WELL = { loses: false, slowMs: 0 };

/** @returns {{ fails?: string, loses: boolean, slowMs: number }} what the request number `times` with this key meets */
export function verdictOn(behave, times) {
  if (Array.isArray(behave)) return verdictOn(behave[Math.min(times, behave.length) - 1], times);
  const { fails, loses = false, slowMs = 0, times: first = Infinity } = behave ?? {};
  if (times > first) return WELL;
  return { ...(fails !== undefined && { fails }), loses, slowMs };
}
