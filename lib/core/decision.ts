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
  | 'paused' // the saga, or this action everywhere
  | 'past-deadline' // the saga's deadline has passed, and it will turn back
  | 'no-condition' // it waits for a process that has its condition
  | 'not-waiting' // nothing waits for this any more, or not yet
  | 'taken' // another operation has had this signal
  | 'past-pivot' // there is no way back
  | 'open-pivot' // nobody knows whether the pivot took effect
  | 'retriable' // it is tried until it completes
  | 'not-undone' // a late effect is still to be undone
  | 'suspect' // its processes died too often for this one to run it beside others
  | 'no-verifier' // it waits for a process that can ask whether it took effect
  | 'wrong-direction' // an action of a saga that turned back, or an undo of one that did not
  | 'stale' // the report of a claim that is over
  | 'already-compensating'
  | 'already-paused'
  | 'not-paused';

export const NEED_ALL: NeedAll = { kind: 'need', need: 'all' };

export function ignored(reason: IgnoredReason): Decision {
  return { kind: 'ignored', reason };
}
