import { pivotOf } from './kinds';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, type SagaValue } from './saga-value';
import { undoOrder } from './undo-order';

/** The actions of a saga that a person has ended as it was whose undo has not been done, and will not be. */
export function leftUndone(plan: Plan, saga: SagaValue): readonly Operation[] {
  return undoOrder(plan, actionsOf(saga)).filter(({ step }) =>
    isLeft([...saga.operations.values()].filter((other) => other.direction === 'undo' && other.step === step)),
  );
}

/** What a late effect has asked for since the end is under way again, and no longer left. */
function isLeft(undos: readonly Operation[]): boolean {
  const [last] = [...undos].sort((a, b) => b.round - a.round);
  return last === undefined || (last.order > 0 && last.state !== 'completed');
}

/** The effect of its pivot, which nothing undoes, is there or may be. */
export function mayBePastPivot(plan: Plan, saga: SagaValue): boolean {
  const pivot = pivotOf(plan, saga);
  return saga.pastPivot || pivot?.state === 'unknown';
}
