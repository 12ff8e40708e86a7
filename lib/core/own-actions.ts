import type { HandlerDeclaration, HandlerPolicy } from './handler-declaration';

/** Keys of the actions that the engine runs itself, in any process that has workers. No handler of an application may begin so. */
export const OWN_PREFIX = 'nest-saga.';

/** Waits for a time: `{ ms }`. */
export const SLEEP = `${OWN_PREFIX}sleep`;

/** Waits for a signal: `{ name, timeoutMs }`. */
export const AWAIT_SIGNAL = `${OWN_PREFIX}signal`;

/** Runs another saga, and its undo undoes it. */
export const CHILD = `${OWN_PREFIX}child`;

/** Runs one action for each item of a list, as another saga. Its undo is that of `CHILD`. */
export const MAP = `${OWN_PREFIX}map`;

/** They fail only when processes die, so past a pivot they are retriable without saying so. */
export const CANNOT_FAIL: readonly string[] = [SLEEP];

/**
 * While the database answers, nothing in these can fail that a later attempt would not mend; and what has begun is known only to the
 * database, so an error that is no word of theirs leaves it unknown.
 */
const PATIENT: HandlerPolicy = { retry: { attempts: 30_000, backoff: 'exponential', baseMs: 500, maxMs: 60_000 }, onThrow: 'unknown' };

export const OWN_ACTIONS: readonly HandlerDeclaration[] = [
  { direction: 'action', key: SLEEP, undoes: null, policy: {} },
  { direction: 'action', key: AWAIT_SIGNAL, undoes: null, policy: {} },
  { direction: 'action', key: CHILD, undoes: null, policy: PATIENT },
  { direction: 'action', key: MAP, undoes: null, policy: PATIENT },
  { direction: 'undo', key: CHILD, undoes: null, policy: PATIENT },
];
