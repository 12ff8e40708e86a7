import type { HandlerDeclaration } from './handler-declaration';

/** Keys of the actions that the engine runs itself, in any process that has workers. No handler of an application may begin so. */
export const OWN_PREFIX = 'nest-saga.';

/** Waits for a time: `{ ms }`. */
export const SLEEP = `${OWN_PREFIX}sleep`;

/** Waits for a signal: `{ name, timeoutMs }`. */
export const AWAIT_SIGNAL = `${OWN_PREFIX}signal`;

/** They fail only when processes die, so past a pivot they are retriable without saying so. */
export const CANNOT_FAIL: readonly string[] = [SLEEP];

export const OWN_ACTIONS: readonly HandlerDeclaration[] = [
  { direction: 'action', key: SLEEP, undoes: null, policy: {} },
  { direction: 'action', key: AWAIT_SIGNAL, undoes: null, policy: {} },
];
