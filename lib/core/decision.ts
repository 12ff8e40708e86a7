import type { SagaEffect } from './effect';
import type { SagaValue } from './saga-value';

/** What `transition` answers. Duplicates, stale reports and late messages are values here, never exceptions. */
export type Decision =
  | { readonly kind: 'moved'; readonly saga: SagaValue; readonly effects: readonly SagaEffect[] }
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason }
  | NeedAll;

/** The operations at hand are a part, and this event needs all of them. */
export interface NeedAll {
  readonly kind: 'need';
  readonly need: 'all';
}

export type IgnoredReason =
  | 'terminal' // the saga has ended
  | 'unknown-operation' // the saga has no such operation
  | 'not-claimable' // not due, claimed by somebody else, or settled
  | 'exhausted' // its attempts or its losses are used up
  | 'wrong-direction' // an action of a saga that turned back, or an undo of one that did not
  | 'stale' // the report of a claim that is over
  | 'already-compensating';

export const NEED_ALL: NeedAll = { kind: 'need', need: 'all' };

export function ignored(reason: IgnoredReason): Decision {
  return { kind: 'ignored', reason };
}
