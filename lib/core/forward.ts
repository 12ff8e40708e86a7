import { beginUndo, turnBack } from './backward';
import { NEED_ALL } from './decision';
import { about, dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import { newOperation, type Operation } from './operation';
import { dependentsOf, type Plan } from './plan';
import { operationOf, withOperations, type SagaParent, type SagaState, type SagaValue } from './saga-value';

/** The rules of the way forward: what starts when an action settles, and when the saga is complete. */
export function settleAction(plan: Plan, saga: SagaValue, action: Operation): Draft {
  const settled = { ...withOperations(saga, [action]), openActions: saga.openActions - 1 };
  if (saga.state !== 'started') return settled.openActions === 0 ? about(action, beginUndo(plan, settled)) : draft(settled, action);
  if (action.state !== 'completed' && action.state !== 'skipped') {
    const error = action.error ?? { code: 'STEP_FAILED', message: 'the step failed' };
    const step = plan.steps[action.step]?.name ?? String(action.step);
    const outcome = action.state === 'unknown' ? ({ outcome: 'unknown' } as const) : {};
    return about(action, turnBack(plan, settled, { kind: 'step-failed', step, error, ...outcome }));
  }
  return startDependents(plan, settled, action);
}

/** A step that a person skipped before its turn has settled when its turn comes, and those that wait for it move up. */
function startDependents(plan: Plan, saga: SagaValue, action: Operation): Draft {
  let moved = saga;
  const effects: SagaEffect[] = [];
  const settled = [action.step];
  for (let step = settled.pop(); step !== undefined; step = settled.pop()) {
    for (const place of dependentsOf(plan, step)) {
      const dependent = operationOf(moved, { step: place, direction: 'action', round: 1 });
      if (dependent === undefined) return NEED_ALL;
      const waits = dependent.waits - 1;
      const isSkipped = dependent.state === 'skipped';
      moved = withOperations(moved, [{ ...dependent, waits, state: isSkipped ? 'skipped' : waits === 0 ? 'started' : 'pending' }]);
      if (waits > 0) continue;
      if (!isSkipped) effects.push(dispatch(plan, dependent));
      else {
        settled.push(place);
        moved = { ...moved, openActions: moved.openActions - 1 };
      }
    }
  }
  if (moved.openActions > 0) return draft(moved, action, effects);
  return draft({ ...moved, state: 'completed' }, action, [...effects, { type: 'ended', state: 'completed' }]);
}

/** The saga as it is at its start, with the wake-ups of the steps that wait for nothing. */
export function startSaga(
  plan: Plan,
  id: string,
  parent: SagaParent | null = null,
): { readonly saga: SagaValue; readonly effects: readonly SagaEffect[] } {
  const operations = plan.steps.map((step, place) =>
    newOperation(
      { step: place, direction: 'action', round: 1 },
      { waits: step.dependsOn.length, state: step.dependsOn.length === 0 ? 'started' : 'pending', condition: step.condition ?? null },
    ),
  );
  const empty: SagaValue = {
    id,
    name: plan.name,
    state: 'started',
    rev: 1,
    openActions: operations.length,
    openUndos: 0,
    cause: null,
    attention: false,
    paused: false,
    pastPivot: false,
    turning: null,
    givenUp: 0,
    finishedBy: null,
    parent,
    operations: new Map(),
    whole: true,
  };
  const effects = operations.filter((operation) => operation.state === 'started').map((operation) => dispatch(plan, operation));
  return { saga: withOperations(empty, operations), effects: [...effects, entryOfStart('started')] };
}

/** The first row of a saga's history. */
export function entryOfStart(state: SagaState): SagaEffect {
  const of = { step: null, direction: null, round: null, fence: null, attempt: null, actor: null, reason: null, error: null };
  return { type: 'record', entry: { kind: 'start', state, ...of } };
}
