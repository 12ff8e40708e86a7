import type { HandlerOptions } from 'nest-saga';

/** A database that is away for a moment is no reason to turn an order back. What a handler refuses for good is never tried again. */
export const HANDLER_POLICY: HandlerOptions = { timeoutMs: 10_000, retry: { attempts: 5, baseMs: 200, maxMs: 5_000 } };
