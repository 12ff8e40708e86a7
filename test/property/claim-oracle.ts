import type { ClaimEvent } from '../../lib/core/event';
import type { Operation } from '../../lib/core/operation';
import type { OperationPolicy, Plan } from '../../lib/core/plan';
import type { SagaValue } from '../../lib/core/saga-value';

/** The rule of a claim, said a second time and in other words. */
export function mayBeClaimed(plan: Plan, saga: SagaValue, operation: Operation | undefined, claim: ClaimEvent): boolean {
  if (operation === undefined || saga.paused || !isWaitingForClaim(plan, saga, operation)) return false;
  const runsAction = operation.direction === 'action' && !operation.verifying;
  const isTooLate = claim.pastDeadline === true && !saga.pastPivot && saga.turning === null;
  if (runsAction && (claim.actionPaused === true || isTooLate)) return false;
  if (operation.verifying && claim.canVerify === false) return false;
  if (claim.conditions !== undefined && operation.condition !== null && !claim.conditions.includes(operation.condition)) return false;
  if (claim.maxLosses !== undefined && operation.losses > claim.maxLosses) return false;
  return operation.state === 'started' || claim.due;
}

/** Somebody will have to claim it, once it is due and nothing stands in the way. */
export function isWaitingForClaim(plan: Plan, saga: SagaValue, operation: Operation): boolean {
  if (operation.state !== 'started' && operation.state !== 'retrying') return false;
  return isWanted(saga, operation) && !isUsedUp(plan, operation);
}

function isWanted({ state }: SagaValue, { direction, verifying, round }: Operation): boolean {
  const hasEnded = state === 'completed' || state === 'compensated' || state === 'failed';
  if (direction === 'undo') return state === 'compensating' || (hasEnded && round > 1);
  return state === 'started' || (verifying && (state === 'compensating' || state === 'stuck'));
}

function isUsedUp(plan: Plan, operation: Operation): boolean {
  if (isTriedForEver(plan, operation)) return false;
  const policy = policyFor(plan, operation);
  return operation.claims - operation.losses >= mostAttempts(policy) || operation.blamed >= policy.losses;
}

/** The action of a retriable step, as long as nobody is asked after it. */
export function isTriedForEver(plan: Plan, { step, direction, verifying }: Operation): boolean {
  return direction === 'action' && !verifying && plan.steps[step]?.kind === 'retriable';
}

export function mostAttempts({ retry }: OperationPolicy): number {
  return retry === null ? 3 : retry.attempts;
}

/** The policy of whatever handler an operation is at. */
export function policyFor(plan: Plan, { step, direction, verifying }: Operation): OperationPolicy {
  const of = plan.steps[step];
  const policy = direction === 'undo' ? of?.undoPolicy : verifying ? of?.verifyPolicy : of?.actionPolicy;
  if (policy === undefined) throw new Error(`step ${step} has no policy for its ${verifying ? 'question' : direction}`);
  return policy;
}
