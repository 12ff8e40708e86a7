import { LATE_EFFECT, raised } from './attention';
import { ignored, type Decision } from './decision';
import { draft, finish, withContext } from './draft';
import type { CompletedEvent, SagaEvent, SuspendedEvent } from './event';
import { goesForward, isOpenPivot, kindOf } from './kinds';
import { heardLate, isDoubted, lateOutcome, type LateWord } from './late';
import type { Operation } from './operation';
import { pivotAnswered } from './pivot';
import type { Plan } from './plan';
import { withOperations, type SagaValue } from './saga-value';

/** The worker of an attempt that was given up says after all that it took effect. */
export function lateSuccess(plan: Plan, saga: SagaValue, action: Operation, event: CompletedEvent): Decision {
  const { fence, output } = event;
  return fence >= action.fence ? ignored('stale') : lateWord(plan, saga, action, { event, fence, outcome: 'completed', output });
}

/**
 * The worker of an attempt that was given up says after all that it has asked somebody outside, who may do it and may not. How a pivot
 * ended only the answer can say.
 */
export function lateRequest(plan: Plan, saga: SagaValue, action: Operation, event: SuspendedEvent): Decision {
  const { fence } = event;
  const isUndoable = kindOf(plan, action) !== 'pivot' && plan.steps[action.step]?.compensation != null;
  return isUndoable && isNewRequest(action, event) ? lateWord(plan, saga, action, { event, fence, outcome: 'unknown' }) : ignored('stale');
}

/** All attempts have one token and one key: when one was heard to have asked, another has asked for nothing new. */
export function isNewRequest(action: Operation, { wait, fence }: SuspendedEvent): boolean {
  return wait.kind === 'callback' && action.wait?.kind !== 'callback' && fence < action.fence && fence > action.lateFence;
}

/** The same of anybody, for every kind of step. */
export function lateWord(plan: Plan, saga: SagaValue, action: Operation, word: LateWord): Decision {
  switch (kindOf(plan, action)) {
    case 'pivot':
      return isNews(action, word) ? latePivot(plan, saga, heardLate(action, word), word.event) : ignored('stale');
    case 'optional':
      return isNews(action, word) ? lateOptional(plan, saga, action, word) : ignored('stale');
    default:
      return lateOutcome(plan, saga, action, word);
  }
}

function isNews(action: Operation, { fence }: LateWord): boolean {
  return isDoubted(action) && fence > action.lateFence;
}

/** It answers the question of a stuck saga. When a person has said that it failed, and that was believed, it cannot be put right here. */
function latePivot(plan: Plan, saga: SagaValue, pivot: Operation, event: SagaEvent): Decision {
  if (isOpenPivot(plan, saga, pivot))
    return finish(
      event,
      withContext(event, pivotAnswered(plan, saga, { ...pivot, state: 'completed', error: null }, endsItsSaga(event))),
      'late',
    );
  const isKnown = pivot.error?.code === LATE_EFFECT;
  if (pivot.state !== 'failed' || isKnown || saga.cause?.kind === 'terminated') return ignored('stale');
  const late: Operation = {
    ...pivot,
    error: { code: LATE_EFFECT, message: 'it took effect after all, when it had been said to have failed' },
  };
  return finish(event, raised(draft(withOperations(saga, [late]), late)), 'late');
}

function endsItsSaga(event: SagaEvent): boolean {
  return event.type === 'completed' && event.finishes === true;
}

/** A saga that goes forward has gone on without it, and one that has completed never needed it. */
function lateOptional(plan: Plan, saga: SagaValue, action: Operation, word: LateWord): Decision {
  if (action.state === 'skipped' || !(goesForward(saga) || saga.state === 'completed')) return lateOutcome(plan, saga, action, word);
  if (!goesForward(saga) || action.state === word.outcome) return ignored('stale');
  const settled: Operation = { ...heardLate(action, word), state: word.outcome, ...(word.outcome === 'completed' && { error: null }) };
  return finish(word.event, draft(withOperations(saga, [settled]), settled), 'late');
}
