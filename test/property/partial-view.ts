import type { SagaEvent } from '../../lib/core/event';
import { operationKey, type Operation, type OperationKey } from '../../lib/core/operation';
import { dependentsOf, type Plan } from '../../lib/core/plan';
import type { SagaValue } from '../../lib/core/saga-value';

/** What a store that reads as little as it may would decide from: the operation itself and those that wait for it. */
export function partialView(plan: Plan, saga: SagaValue, event: SagaEvent): SagaValue {
  const operations = new Map<OperationKey, Operation>();
  const take = (operation: Operation | undefined): void => {
    if (operation !== undefined) operations.set(operationKey(operation), operation);
  };
  if ('operation' in event) {
    const own = saga.operations.get(operationKey(event.operation));
    take(own);
    if (own?.direction === 'undo') {
      for (const step of own.releases) take(saga.operations.get(`undo:${step}:1`));
      take(saga.operations.get(`undo:${own.step}:${own.round + 1}`));
    } else for (const step of dependentsOf(plan, event.operation.step)) take(saga.operations.get(`action:${step}:1`));
  }
  return { ...saga, operations, whole: false };
}
