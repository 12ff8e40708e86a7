import { ignored, type Decision, type IgnoredReason } from './decision';
import { draft, finish, policyOf } from './draft';
import type { ClaimEvent } from './event';
import { attemptsOf, type Operation, type OperationRef } from './operation';
import type { Plan } from './plan';
import { attemptLimit } from './retry-policy';
import { isTerminal, operationOf, withOperations, type SagaValue } from './saga-value';

/**
 * The rule of a claim. A store that claims with one statement repeats it in its WHERE clause; the store contract holds the two
 * equal.
 */
export function claim(plan: Plan, saga: SagaValue, event: ClaimEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return ignored('unknown-operation');
  const refusal = refusalOf(plan, saga, operation, event.due);
  if (refusal !== null) return ignored(refusal);
  const rev = saga.rev + 1;
  const claimed: Operation = {
    ...operation,
    state: 'running',
    fence: operation.fence + 1,
    claimId: event.claimId,
    claims: operation.claims + 1,
    order: operation.direction === 'action' && operation.order === 0 ? rev : operation.order,
    timedOut: false,
  };
  return finish(event, draft(withOperations(saga, [claimed]), claimed));
}

function refusalOf(plan: Plan, saga: SagaValue, operation: Operation, due: boolean): IgnoredReason | null {
  if (!goesTheWayOf(operation, saga)) return 'wrong-direction';
  const ready = operation.state === 'started' || (operation.state === 'retrying' && due);
  if (!ready) return 'not-claimable';
  const policy = policyOf(plan, operation);
  const exhausted = attemptsOf(operation) >= attemptLimit(policy.retry) || operation.blamed >= policy.losses;
  return exhausted ? 'exhausted' : null;
}

/** Whether the saga still wants this operation. A later round of an undo is wanted even after the end. */
export function goesTheWayOf(operation: OperationRef, saga: Pick<SagaValue, 'state'>): boolean {
  if (operation.direction === 'action') return saga.state === 'started';
  return saga.state === 'compensating' || (isTerminal(saga.state) && operation.round > 1);
}
