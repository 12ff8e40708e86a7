import { settleUndo } from './backward';
import type { Draft } from './draft';
import { settleAction } from './forward';
import type { Operation } from './operation';
import type { Plan } from './plan';
import type { SagaValue } from './saga-value';

/** An operation has reached its last state; what that means for the saga depends on its direction. */
export function settle(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  return operation.direction === 'action' ? settleAction(plan, saga, operation) : settleUndo(plan, saga, operation);
}
