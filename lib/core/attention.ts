import { NEED_ALL, type Decision } from './decision';
import type { Draft } from './draft';
import type { SagaEffect } from './effect';
import { isOverdue, kindOf } from './kinds';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { isTerminal, operationOf, type SagaValue } from './saga-value';

/** The same draft, and a person should know of it. */
export function raised(made: Draft): Draft {
  if (made.kind === 'need' || made.saga.attention) return made;
  return { ...made, saga: { ...made.saga, attention: true }, effects: [...made.effects, RAISED] };
}

/** Code of the error of a pivot that took effect after it was said to have failed. */
export const LATE_EFFECT = 'LATE_EFFECT';

const RAISED: SagaEffect = { type: 'attention', raised: true };

/**
 * A retriable step that has used up its policy raises attention, once, and ends it when it settles. What else may have raised it keeps
 * it: whether a person has seen that since cannot be told, and attention must not end by mistake.
 */
export function withAttention(plan: Plan, before: SagaValue, decision: Decision): Decision {
  if (decision.kind !== 'moved') return decision;
  const { saga, effects } = decision;
  let [begun, over] = [false, false];
  for (const now of saga.operations.values()) {
    if (kindOf(plan, now) !== 'retriable') continue;
    const then = operationOf(before, now);
    if (then === now) continue;
    const [isNow, was] = [isOverdue(plan, now), then !== undefined && isOverdue(plan, then)];
    if (isNow && !was) begun = true;
    if (was && !isNow) over = true;
  }
  if (begun) return saga.attention ? decision : attended(saga, effects, true);
  if (!over || !saga.attention || !before.attention) return decision;
  if (!before.whole) return NEED_ALL;
  return hasReason(plan, saga) ? decision : attended(saga, effects, false);
}

function attended(saga: SagaValue, effects: readonly SagaEffect[], attention: boolean): Decision {
  return {
    kind: 'moved',
    saga: { ...saga, attention },
    effects: [...effects.slice(0, -1), { type: 'attention', raised: attention }, ...effects.slice(-1)],
  };
}

/** Something that raises attention, and is not over. Of a whole saga. */
export function hasReason(plan: Plan, saga: SagaValue): boolean {
  if (isTerminal(saga.state) && saga.openUndos > 0) return true;
  if (saga.pastPivot && saga.turning !== null) return true;
  return [...saga.operations.values()].some((operation) => isOverdue(plan, operation) || isLatePivot(plan, operation));
}

/** It was said that the pivot had not happened, and then it had. */
export function isLatePivot(plan: Plan, operation: Operation): boolean {
  return operation.state === 'failed' && operation.error?.code === LATE_EFFECT && kindOf(plan, operation) === 'pivot';
}
