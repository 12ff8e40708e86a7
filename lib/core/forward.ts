import { raised } from './attention';
import { turnBack } from './backward';
import { NEED_ALL } from './decision';
import { about, dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import { isPassed, kindOf } from './kinds';
import { newOperation, operationKey, type Operation } from './operation';
import { dependentsOf, type Plan } from './plan';
import { copyOf, withOperations, type SagaParent, type SagaState, type SagaValue, type StepFailed } from './saga-value';
import { beginUndo } from './undoing';

/** The rules of the way forward: what starts when an action settles, and when the saga is complete. */
export function settleAction(plan: Plan, saga: SagaValue, action: Operation): Draft {
  const settled = withOperations({ ...saga, openActions: saga.openActions - 1 }, [action]);
  if (saga.state !== 'started' && saga.state !== 'stuck')
    return settled.openActions === 0 ? about(action, beginUndo(plan, settled)) : draft(settled, action);
  if (kindOf(plan, action) === 'pivot') return settlePivot(plan, settled, action);
  return isPassed(plan, action) ? goOn(plan, settled, action) : fail(plan, settled, action);
}

/** It decides which way a saga goes that was to turn back meanwhile. When nobody knows how it ended, nobody knows the way. */
function settlePivot(plan: Plan, saga: SagaValue, pivot: Operation): Draft {
  const wish = saga.turning;
  if (pivot.state === 'unknown') {
    const stuck: SagaValue = { ...saga, state: 'stuck', cause: wish ?? causeIn(plan, pivot) };
    return draft(stuck, pivot, [{ type: 'ended', state: 'stuck' }]);
  }
  // One that was left out has no effect that stands in the way, unless an attempt of it may have had one.
  const isNeedless = pivot.state === 'skipped' && !pivot.hadUnknown;
  if (pivot.state === 'failed' || (isNeedless && wish !== null)) return fail(plan, saga, pivot);
  const passed = goOn(plan, { ...saga, pastPivot: true }, pivot);
  return wish === null ? passed : raised(passed);
}

function fail(plan: Plan, saga: SagaValue, action: Operation): Draft {
  return about(action, turnBack(plan, saga, saga.turning ?? causeIn(plan, action)));
}

function causeIn(plan: Plan, action: Operation): StepFailed {
  const error = action.error ?? { code: 'STEP_FAILED', message: 'the step failed' };
  const step = plan.steps[action.step]?.name ?? String(action.step);
  return { kind: 'step-failed', step, error, ...(action.state === 'unknown' && { outcome: 'unknown' as const }) };
}

/** What is next, unless the saga has been finished early: then nothing is, but what has begun. */
function goOn(plan: Plan, saga: SagaValue, action: Operation): Draft {
  return saga.finishedBy === null ? startDependents(plan, saga, action) : completedIfDone(saga, action, []);
}

function completedIfDone(saga: SagaValue, action: Operation, effects: readonly SagaEffect[]): Draft {
  // What stands beside the pivot of a stuck saga may end and make way; nothing is claimed until the way is known.
  if (saga.state === 'stuck') return draft(saga, action);
  if (saga.openActions > 0) return draft(saga, action, effects);
  return draft({ ...saga, state: 'completed' }, action, [...effects, { type: 'ended', state: 'completed' }]);
}

/** A step that a person skipped before its turn has settled when its turn comes, and those that wait for it move up. */
function startDependents(plan: Plan, saga: SagaValue, action: Operation): Draft {
  const operations = copyOf(saga.operations);
  let { openActions, pastPivot } = saga;
  const effects: SagaEffect[] = [];
  const settled = [action.step];
  for (let step = settled.pop(); step !== undefined; step = settled.pop()) {
    for (const place of dependentsOf(plan, step)) {
      const dependent = operations.get(operationKey({ step: place, direction: 'action', round: 1 }));
      if (dependent === undefined) return NEED_ALL;
      const waits = dependent.waits - 1;
      const isSkipped = dependent.state === 'skipped';
      const state = isSkipped ? 'skipped' : waits === 0 ? 'started' : 'pending';
      operations.set(operationKey(dependent), { ...dependent, waits, state });
      if (waits > 0) continue;
      if (!isSkipped) effects.push(dispatch(plan, dependent));
      else {
        settled.push(place);
        openActions--;
        pastPivot ||= kindOf(plan, dependent) === 'pivot';
      }
    }
  }
  return completedIfDone({ ...saga, operations, openActions, pastPivot }, action, effects);
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
  const saga: SagaValue = {
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
    operations: new Map(operations.map((operation) => [operationKey(operation), operation])),
    whole: true,
  };
  const effects = operations.filter((operation) => operation.state === 'started').map((operation) => dispatch(plan, operation));
  return { saga, effects: [...effects, entryOfStart('started')] };
}

/** The first row of a saga's history. */
export function entryOfStart(state: SagaState): SagaEffect {
  const of = { step: null, direction: null, round: null, fence: null, attempt: null, actor: null, reason: null, error: null };
  return { type: 'record', entry: { kind: 'start', state, ...of } };
}
