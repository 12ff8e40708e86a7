import { settledBetweenAttempts } from './backward';
import { dispatch, draft, type Draft } from './draft';
import { settleAction } from './forward';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { withOperations, type SagaValue } from './saga-value';
import { withoutStuckChild } from './stuck-child';
import { settleUndo } from './undoing';
import { askWhetherDone, canBeAsked } from './verify';

/** An operation has reached its last state; what that means for the saga depends on its direction. */
export function settle(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  return operation.direction === 'action' ? settleAction(plan, saga, operation) : settleUndo(plan, saga, operation);
}

/** Nobody can say whether it took effect, unless there is somebody to ask. */
export function settleUnknown(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  if (!canBeAsked(plan, operation)) return settle(plan, saga, { ...operation, state: 'unknown' });
  const asked = askWhetherDone(operation);
  return draft(withOperations(saga, [asked]), asked, [dispatch(plan, asked)]);
}

/** An attempt was given back by its worker, or lost, and its saga has turned back meanwhile. */
export function settleBetweenAttempts(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  const state = settledBetweenAttempts(operation);
  const withdrawn = withoutStuckChild(operation);
  return state === 'unknown' ? settleUnknown(plan, saga, withdrawn) : settle(plan, saga, { ...withdrawn, state });
}
