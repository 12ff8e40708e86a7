import { mayStillRun } from './backward';
import { dispatch, draft, policyOf, type Draft } from './draft';
import type { FailedEvent } from './event';
import { attemptsOf, type Heard, type Operation } from './operation';
import type { Plan } from './plan';
import { nextRetryMs } from './retry-policy';
import { withOperations, type SagaValue } from './saga-value';
import { settle, settleBetweenAttempts, settleUnknown } from './settle';

export type RetryWish = Pick<FailedEvent, 'retryable' | 'retryAfterMs' | 'elapsedMs' | 'seed'>;

/** Another attempt, if the policy of the operation has one left. */
export function retryOrSettle(plan: Plan, saga: SagaValue, operation: Operation, wish: RetryWish): Draft {
  const { retryable, retryAfterMs, elapsedMs, seed } = wish;
  const { retry } = policyOf(plan, operation);
  const inMs = nextRetryMs({ policy: retry, attempts: attemptsOf(operation), retryable, retryAfterMs, elapsedMs, seed });
  return inMs === null ? giveUp(plan, saga, operation) : startAgain(plan, saga, operation, inMs);
}

/** Another attempt, within the budget of those that ended by no word of the handler. */
export function startAgainWithin(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  return operation.blamed >= policyOf(plan, operation).losses ? giveUp(plan, saga, operation) : startAgain(plan, saga, operation, inMs);
}

export function giveUp(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  if (operation.heard?.kind === 'completed') return settle(plan, saga, { ...operation, state: 'completed', error: null });
  return operation.hadUnknown ? settleUnknown(plan, saga, operation) : settle(plan, saga, { ...operation, state: 'failed' });
}

/** Another attempt, unless somebody else has said that it failed, or it is an action and the saga has turned back: then it settles here. */
export function startAgain(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  if (operation.heard?.kind === 'failed' && !operation.verifying) return asHeard(plan, saga, operation, operation.heard);
  if (!mayStillRun(operation, saga)) return settleBetweenAttempts(plan, saga, operation);
  const again: Operation = { ...operation, state: inMs > 0 ? 'retrying' : 'started' };
  return draft(withOperations(saga, [again]), again, [dispatch(plan, again, inMs)]);
}

/** Whoever was asked has said how it ended: there is no other attempt after that. */
export function asHeard(plan: Plan, saga: SagaValue, operation: Operation, heard: Heard): Draft {
  return giveUp(plan, saga, { ...operation, heard, ...(heard.kind === 'failed' && { error: heard.error }) });
}
