import { beginUndo, turnBack } from './backward';
import { NEED_ALL } from './decision';
import { about, dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import { newOperation, type Operation } from './operation';
import { dependentsOf, type Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';

/** The rules of the way forward: what starts when an action settles, and when the saga is complete. */
export function settleAction(plan: Plan, saga: SagaValue, action: Operation): Draft {
  const settled = { ...withOperations(saga, [action]), openActions: saga.openActions - 1 };
  if (saga.state !== 'started') return settled.openActions === 0 ? about(action, beginUndo(plan, settled)) : draft(settled, action);
  if (action.state !== 'completed') {
    const error = action.error ?? { code: 'STEP_FAILED', message: 'the step failed' };
    const step = plan.steps[action.step]?.name ?? String(action.step);
    return about(action, turnBack(plan, settled, { kind: 'step-failed', step, error }));
  }
  if (settled.openActions === 0) return draft({ ...settled, state: 'completed' }, action, [{ type: 'ended', state: 'completed' }]);
  return startDependents(plan, settled, action);
}

function startDependents(plan: Plan, saga: SagaValue, action: Operation): Draft {
  const changed: Operation[] = [];
  const effects: SagaEffect[] = [];
  for (const step of dependentsOf(plan, action.step)) {
    const dependent = operationOf(saga, { step, direction: 'action', round: 1 });
    if (dependent === undefined) return NEED_ALL;
    const waits = dependent.waits - 1;
    changed.push({ ...dependent, waits, state: waits === 0 ? 'started' : 'pending' });
    if (waits === 0) effects.push(dispatch(plan, dependent));
  }
  return draft(withOperations(saga, changed), action, effects);
}

/** The saga as it is at its start, with the wake-ups of the steps that wait for nothing. */
export function startSaga(plan: Plan, id: string): { readonly saga: SagaValue; readonly effects: readonly SagaEffect[] } {
  const operations = plan.steps.map((step, place) =>
    newOperation(
      { step: place, direction: 'action', round: 1 },
      { waits: step.dependsOn.length, state: step.dependsOn.length === 0 ? 'started' : 'pending' },
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
    operations: new Map(),
    whole: true,
  };
  const effects = operations.filter((operation) => operation.state === 'started').map((operation) => dispatch(plan, operation));
  const entry = {
    kind: 'start',
    state: 'started',
    step: null,
    direction: null,
    round: null,
    fence: null,
    attempt: null,
    actor: null,
    reason: null,
    error: null,
  } as const;
  return { saga: withOperations(empty, operations), effects: [...effects, { type: 'record', entry }] };
}
