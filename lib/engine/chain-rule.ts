import type { Slots } from './slots';

/** More operations in a row than this are not run without a message between them. */
const MOST_LINKS = 32;
/** While others wait for a slot, this is how long a chain may keep one. */
const FAIR_MS = 50;

/**
 * Whether a worker goes on at once with what its report sets free. That spares a message, a commit and a wait; but whoever waits for its
 * slot must get it, and work must reach the other processes.
 */
export function mayGoOn(links: number, heldMs: number, slots: Slots, isWaitedFor: boolean): boolean {
  if (links >= MOST_LINKS || slots.isHeld || slots.exhausted) return false;
  return heldMs < FAIR_MS || !(isWaitedFor || slots.isWaitedFor);
}
