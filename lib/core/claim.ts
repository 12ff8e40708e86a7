import { ignored, type Decision, type IgnoredReason } from './decision';
import { draft, finish, policyOf } from './draft';
import type { ClaimEvent } from './event';
import { limitsOf } from './kinds';
import { attemptsOf, type Operation, type OperationRef } from './operation';
import type { Plan } from './plan';
import { isTerminal, operationOf, withOperations, type SagaValue } from './saga-value';

/**
 * The rule of a claim. A store that claims with one statement repeats it in its WHERE clause; the store contract holds the two
 * equal.
 */
export function claim(plan: Plan, saga: SagaValue, event: ClaimEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return ignored('unknown-operation');
  const refusal = refusalOf(plan, saga, operation, event);
  if (refusal !== null) return ignored(refusal);
  const rev = saga.rev + 1;
  const claimed: Operation = {
    ...operation,
    state: 'running',
    fence: operation.fence + 1,
    claimId: event.claimId,
    claims: operation.claims + 1,
    order: operation.direction === 'action' && operation.order === 0 ? rev : operation.order,
    // The first loss may be a neighbour's fault; from the second on it runs alone, and a loss is its own.
    alone: event.alone === true && operation.losses >= 2,
    timedOut: false,
    // What was said of an attempt that failed is not said of this one; that its effect is there still is.
    heard: operation.heard?.kind === 'failed' && !operation.verifying ? null : operation.heard,
  };
  return finish(event, draft(withOperations(saga, [claimed]), claimed));
}

function refusalOf(plan: Plan, saga: SagaValue, operation: Operation, event: ClaimEvent): IgnoredReason | null {
  if (!goesTheWayOf(operation, saga)) return 'wrong-direction';
  const ready = operation.state === 'started' || (operation.state === 'retrying' && event.due);
  if (!ready) return 'not-claimable';
  const isAction = operation.direction === 'action' && !operation.verifying;
  if (saga.paused || (isAction && event.actionPaused === true)) return 'paused';
  if (isAction && event.pastDeadline === true && !deadlineDealtWith(saga)) return 'past-deadline';
  if (operation.verifying && event.canVerify === false) return 'no-verifier';
  if (operation.condition !== null && event.conditions?.includes(operation.condition) === false) return 'no-condition';
  if (operation.losses > (event.maxLosses ?? Infinity)) return 'suspect';
  const policy = policyOf(plan, operation);
  const limits = limitsOf(plan, operation, policy);
  const exhausted = attemptsOf(operation) >= limits.attempts || operation.blamed >= limits.losses;
  return exhausted ? 'exhausted' : null;
}

/** There is no way back any more, or the pivot decides whether there is: meanwhile the saga goes on. */
export function deadlineDealtWith({ pastPivot, turning }: SagaValue): boolean {
  return pastPivot || turning !== null;
}

/** Whether a worker that has this operation may go on with it. What stands beside the pivot of a stuck saga may end. */
export function mayGoOn(operation: OperationRef & Pick<Operation, 'verifying'>, saga: Pick<SagaValue, 'state'>): boolean {
  return goesTheWayOf(operation, saga) || (operation.direction === 'action' && saga.state === 'stuck');
}

/** Whether the saga still wants this operation. A later round of an undo is wanted even after the end. */
export function goesTheWayOf(operation: OperationRef & Pick<Operation, 'verifying'>, saga: Pick<SagaValue, 'state'>): boolean {
  if (operation.direction === 'action')
    return saga.state === 'started' || (operation.verifying && (saga.state === 'compensating' || saga.state === 'stuck'));
  return saga.state === 'compensating' || (isTerminal(saga.state) && operation.round > 1);
}
