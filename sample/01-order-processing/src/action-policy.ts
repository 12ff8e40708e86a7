import type { HandlerOptions } from 'nest-saga';

/**
 * A database that is away for a moment is no reason to turn an order back; what a handler refuses for good is never tried again.
 * Undos keep the engine's own policy, which is far more patient: an undo that is given up needs a person.
 */
export const ACTION_POLICY: HandlerOptions = { timeoutMs: 10_000, retry: { attempts: 5, baseMs: 200, maxMs: 5_000 } };
