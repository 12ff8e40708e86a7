import { mayComeToItsEffect, turnBack } from './backward';
import { NEED_ALL } from './decision';
import { draft, type Draft } from './draft';
import { pivotOf } from './kinds';
import { isSettled, type Operation } from './operation';
import type { Plan } from './plan';
import type { SagaValue, TurnCause } from './saga-value';
import { settle, settleUnknown } from './settle';

/**
 * Somebody wants the saga to turn back. As long as its pivot may take effect nobody knows whether there is a way back: the wish is
 * remembered, and the outcome of the pivot decides.
 */
export function turn(plan: Plan, saga: SagaValue, cause: TurnCause): Draft {
  if (!saga.whole) return NEED_ALL;
  const pivot = pivotOf(plan, saga);
  if (pivot === undefined || isSettled(pivot)) return turnBack(plan, saga, cause);
  const wished: SagaValue = { ...saga, turning: cause };
  if (somebodyWillSay(pivot)) return draft(wished, null);
  // Its worker was to write something more, and has not; that it is done stands.
  if (pivot.heard?.kind === 'completed') return settle(plan, wished, { ...pivot, state: 'completed', error: null });
  return pivot.hadUnknown ? settleUnknown(plan, wished, pivot) : turnBack(plan, saga, cause);
}

/** A worker has it, or somebody outside, or its `@Verify` handler is asked. */
function somebodyWillSay(pivot: Operation): boolean {
  // A saga that it runs has ended, and its handler looks how.
  const isAboutToLook = pivot.state === 'started' && pivot.wait?.kind === 'saga';
  return pivot.state === 'running' || pivot.verifying || mayComeToItsEffect(pivot) || isAboutToLook;
}
