import { mayStillRun } from './backward';
import { dispatch, draft, policyOf, type Draft } from './draft';
import { isLeftOut } from './early-end';
import type { FailedEvent } from './event';
import { isPersistent, kindOf } from './kinds';
import { attemptsOf, type Heard, type Operation } from './operation';
import type { Plan } from './plan';
import { longestDelayMs, nextRetryMs } from './retry-policy';
import { withOperations, type SagaValue } from './saga-value';
import { settle, settleBetweenAttempts, settleUnknown } from './settle';

export type RetryWish = Pick<FailedEvent, 'retryable' | 'retryAfterMs' | 'elapsedMs' | 'seed'>;

/** Another attempt, if the policy of the operation has one left. */
export function retryOrSettle(plan: Plan, saga: SagaValue, operation: Operation, wish: RetryWish): Draft {
  const { retryAfterMs, elapsedMs, seed } = wish;
  const { retry } = policyOf(plan, operation);
  const retryable = isPersistent(plan, operation) ? true : wish.retryable;
  const inMs = nextRetryMs({ policy: retry, attempts: attemptsOf(operation), retryable, retryAfterMs, elapsedMs, seed });
  return inMs === null ? giveUp(plan, saga, operation, seed) : startAgain(plan, saga, operation, inMs);
}

/** Another attempt, within the budget of those that ended by no word of the handler. */
export function startAgainWithin(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  return operation.blamed >= policyOf(plan, operation).losses ? giveUp(plan, saga, operation) : startAgain(plan, saga, operation, inMs);
}

/** There is no other attempt, unless it is tried until it completes. */
export function giveUp(plan: Plan, saga: SagaValue, operation: Operation, seed = 1): Draft {
  if (operation.heard?.kind === 'completed') return settle(plan, saga, { ...operation, state: 'completed', error: null });
  if (isLeftOut(saga, operation)) return settle(plan, saga, { ...operation, state: 'skipped' });
  if (isPersistent(plan, operation) && mayStillRun(operation, saga))
    return startAgain(plan, saga, operation, longestDelayMs(policyOf(plan, operation).retry, seed));
  return operation.hadUnknown ? settleUnknown(plan, saga, operation) : settle(plan, saga, { ...operation, state: 'failed' });
}

/** Another attempt, unless somebody else has said that it failed, or it is an action and the saga has turned back: then it settles here. */
export function startAgain(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  const isPatient = isPersistent(plan, operation) && mayStillRun(operation, saga); // no word ends it but that it is done
  if (operation.heard?.kind === 'failed' && !operation.verifying && !isPatient) return asHeard(plan, saga, operation, operation.heard);
  if (!mayStillRun(operation, saga) || isWaitedFor(plan, saga, operation)) return settleBetweenAttempts(plan, saga, operation);
  if (isLeftOut(saga, operation)) return settle(plan, saga, { ...operation, state: 'skipped' }); // an attempt that did not count is none
  // Beside the pivot of a stuck saga nothing is claimed; it is due when the way is known.
  const isHeld = saga.state === 'stuck' && operation.direction === 'action' && !operation.verifying;
  const again: Operation = { ...operation, state: inMs > 0 && !isHeld ? 'retrying' : 'started' };
  return draft(withOperations(saga, [again]), again, isHeld ? [] : [dispatch(plan, again, inMs)]);
}

/** Its saga is to turn back, and has waited for the end of this attempt alone. */
export function isWaitedFor(plan: Plan, { turning }: SagaValue, operation: Operation): boolean {
  return turning !== null && kindOf(plan, operation) === 'pivot' && !operation.verifying;
}

/** Whoever was asked has said how it ended: there is no other attempt after that. */
export function asHeard(plan: Plan, saga: SagaValue, operation: Operation, heard: Heard): Draft {
  return giveUp(plan, saga, { ...operation, heard, ...(heard.kind === 'failed' && { error: heard.error }) });
}
