import { attemptsOf, isSettled, type Operation, type OperationRef } from './operation';
import type { OperationPolicy, Plan, StepKind } from './plan';
import { attemptLimit, retryPolicyOf, type RetryPolicy } from './retry-policy';
import type { SagaValue } from './saga-value';

export const STEP_KINDS: readonly StepKind[] = ['pivot', 'retriable', 'optional'];

/** Of a retriable step that says nothing about retries: when these attempts are used up a person is told, and it goes on. */
export const PATIENCE: RetryPolicy = retryPolicyOf({ attempts: 10 });

const FOR_EVER = 2_147_483_647;

/** What kind of step an operation runs; undos and questions are of none. */
export function kindOf(plan: Plan, { step, direction }: OperationRef): StepKind | undefined {
  return direction === 'action' ? plan.steps[step]?.kind : undefined;
}

/** Tried until it completes, as long as its saga goes forward. */
export function isPersistent(plan: Plan, operation: Operation): boolean {
  return kindOf(plan, operation) === 'retriable' && !operation.verifying;
}

/** Whether a saga goes on when an action of its has settled like this. */
export function isPassed(plan: Plan, action: Operation): boolean {
  if (action.state === 'completed' || action.state === 'skipped') return true;
  return isSettled(action) && kindOf(plan, action) === 'optional';
}

export interface OperationLimits {
  readonly attempts: number;
  readonly losses: number;
}

/** How often an operation may be claimed and lost: the guard that the claim carries. */
export function limitsOf(plan: Plan, operation: Operation, policy: OperationPolicy): OperationLimits {
  if (isPersistent(plan, operation)) return { attempts: FOR_EVER, losses: FOR_EVER };
  return { attempts: attemptLimit(policy.retry), losses: policy.losses };
}

/** A retriable action that has not completed within the attempts, or the losses, of its policy. */
export function isOverdue(plan: Plan, operation: Operation): boolean {
  if (!isPersistent(plan, operation) || isSettled(operation)) return false;
  const policy = plan.steps[operation.step]?.actionPolicy;
  const ended = attemptsOf(operation) - (operation.state === 'running' || operation.state === 'waiting' ? 1 : 0);
  return policy !== undefined && (ended >= attemptLimit(policy.retry) || operation.blamed >= policy.losses);
}

export function pivotOf(plan: Plan, saga: SagaValue): Operation | undefined {
  return [...saga.operations.values()].find((operation) => kindOf(plan, operation) === 'pivot');
}

/** Nobody can say whether the pivot took effect, so nobody can say which way the saga goes: a person must. */
export function isOpenPivot(plan: Plan, saga: SagaValue, operation: Operation): boolean {
  return saga.state === 'stuck' && operation.state === 'unknown' && kindOf(plan, operation) === 'pivot';
}

/** It goes forward, or would if it was known how its pivot ended: it has not turned back. */
export function goesForward({ state, openUndos }: SagaValue): boolean {
  return state === 'started' || (state === 'stuck' && openUndos === 0);
}
