import { isLatePivot } from '../core/attention';
import { isOpenPivot, isOverdue, pivotOf } from '../core/kinds';
import { attemptsOf, isSettled } from '../core/operation';
import { isTerminal } from '../core/saga-value';
import type { StoredSaga } from '../ports/stored-saga';
import { causeOf } from './explain-cause';

/** What the pivot of a saga means for it at this moment; nothing when it has none, or nothing is special about it. */
export function pivotWords({ plan, saga }: StoredSaga): readonly string[] {
  const pivot = pivotOf(plan, saga);
  if (pivot === undefined || isTerminal(saga.state)) return [];
  const name = `"${plan.steps[pivot.step]?.name ?? pivot.step}"`;
  if (isOpenPivot(plan, saga, pivot))
    return [`Nobody knows whether its pivot ${name} took effect, so nobody knows whether it can turn back: resolveStep() says so.`];
  if (saga.pastPivot) return [`It is past its pivot ${name}: it goes forward only.`];
  if (saga.turning === null || isSettled(pivot)) return [];
  return [`It is to turn back, and whether it can is decided by the outcome of its pivot ${name}. ${wish(saga.turning)}`];
}

/** Why a person should look at a saga, a sentence each. */
export function attentionWords({ plan, saga }: StoredSaga): readonly string[] {
  if (!saga.attention) return [];
  const nameOf = (step: number): string => `"${plan.steps[step]?.name ?? step}"`;
  const pivot = pivotOf(plan, saga);
  const isLate = isTerminal(saga.state) && saga.openUndos > 0;
  const overdue = [...saga.operations.values()].filter((operation) => isOverdue(plan, operation));
  return [
    ...(isLate ? ['An effect came after its end and is not undone yet.'] : []),
    ...(saga.pastPivot && saga.turning !== null ? [`It was to turn back when there was no way back any more. ${wish(saga.turning)}`] : []),
    ...(pivot !== undefined && isLatePivot(plan, pivot)
      ? [`Its pivot ${nameOf(pivot.step)} took effect, and that was said when the saga had turned back: nothing undoes it.`]
      : []),
    ...overdue.map((action) => `Step ${nameOf(action.step)} has not completed in ${attemptsOf(action)} attempts, and is tried on.`),
  ];
}

function wish(turning: NonNullable<StoredSaga['saga']['turning']>): string {
  return causeOf(turning).replace('It turned back because', 'The reason:');
}
