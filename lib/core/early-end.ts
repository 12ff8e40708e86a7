import { settledBetweenAttempts } from './backward';
import { NEED_ALL } from './decision';
import type { Draft } from './draft';
import { goesForward } from './kinds';
import { isSettled, type Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, withOperations, type SagaValue } from './saga-value';
import { settle } from './settle';

/** A step completes and ends its saga with it, early and well: what has not begun is skipped, and what has begun may end. */
export function finishEarly(plan: Plan, saga: SagaValue, action: Operation): Draft {
  if (!saga.whole) return NEED_ALL;
  if (!goesForward(saga) || saga.finishedBy !== null) return settle(plan, saga, action);
  const skipped = actionsOf(saga)
    .filter((other) => other.step !== action.step && (hasNotBegun(other) || other.state === 'skipped'))
    .map((other): Operation => ({ ...other, state: 'skipped', waits: 0, fence: other.fence + (other.state === 'waiting' ? 1 : 0) }));
  const rest = withOperations(saga, skipped);
  // It settles last; a pivot whose late word this is had settled as unknown before.
  const openActions = actionsOf(rest).filter((other) => other.step === action.step || !isSettled(other)).length;
  return settle(plan, { ...rest, openActions, finishedBy: action.step }, action);
}

/** No attempt of it, and nobody outside, can come to an effect. */
export function hasNotBegun(action: Operation): boolean {
  if (isSettled(action) || action.state === 'running' || action.verifying) return false;
  if (action.condition !== null) return true; // until that has said yes, no handler runs
  const looksAfterAnother = action.wait?.kind === 'saga';
  return !looksAfterAnother && settledBetweenAttempts(action) === 'skipped';
}

/** What has not begun does not begin any more in a saga that was finished early. */
export function isLeftOut(saga: SagaValue, operation: Operation): boolean {
  return saga.finishedBy !== null && operation.direction === 'action' && hasNotBegun({ ...operation, state: 'started' });
}
