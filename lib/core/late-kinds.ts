import { raised } from './attention';
import { ignored, type Decision } from './decision';
import { draft, finish } from './draft';
import type { CompletedEvent } from './event';
import { goesForward, isOpenPivot, kindOf } from './kinds';
import { isDoubted, lateOutcome } from './late';
import type { Operation } from './operation';
import { pivotAnswered } from './pivot';
import type { Plan } from './plan';
import { withOperations, type SagaValue } from './saga-value';

/** The same, for every kind of step: an attempt that was given up says after all that it took effect. */
export function lateSuccess(plan: Plan, saga: SagaValue, action: Operation, event: CompletedEvent): Decision {
  switch (kindOf(plan, action)) {
    case 'pivot':
      return isNews(action, event) ? latePivot(plan, saga, heardLate(action, event), event) : ignored('stale');
    case 'optional':
      return isNews(action, event) ? lateOptional(plan, saga, action, event) : ignored('stale');
    default:
      return lateOutcome(plan, saga, action, event);
  }
}

function isNews(action: Operation, { fence }: CompletedEvent): boolean {
  return isDoubted(action) && fence < action.fence && fence > action.lateFence;
}

function heardLate(action: Operation, { fence, output }: CompletedEvent): Operation {
  return { ...action, lateFence: fence, output };
}

/** It answers the question of a stuck saga. When a person has said that it failed, and that was believed, it cannot be put right here. */
function latePivot(plan: Plan, saga: SagaValue, pivot: Operation, event: CompletedEvent): Decision {
  if (isOpenPivot(plan, saga, pivot))
    return finish(event, pivotAnswered(plan, saga, { ...pivot, state: 'completed', error: null }), 'late');
  if (pivot.state !== 'failed' || saga.cause?.kind === 'terminated') return ignored('stale');
  return finish(event, raised(draft(withOperations(saga, [pivot]), pivot)), 'late');
}

/** A saga that goes forward has gone on without it, and one that has completed never needed it. */
function lateOptional(plan: Plan, saga: SagaValue, action: Operation, event: CompletedEvent): Decision {
  if (action.state === 'skipped' || !(goesForward(saga) || saga.state === 'completed')) return lateOutcome(plan, saga, action, event);
  if (!goesForward(saga)) return ignored('stale');
  const completed: Operation = { ...heardLate(action, event), state: 'completed', error: null };
  return finish(event, draft(withOperations(saga, [completed]), completed), 'late');
}
