import { NEED_ALL } from './decision';
import { dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, withOperations, type SagaValue, type TurnCause } from './saga-value';
import { withoutStuckChild } from './stuck-child';
import { beginUndo } from './undoing';
import { askWhetherDone, canBeAsked } from './verify';

/**
 * The saga turns back. What never began is skipped, what is between two attempts settles, and what is running is
 * told and waited for: the undo begins when everything has settled. An action that nobody can vouch for is asked after meanwhile.
 */
export function turnBack(plan: Plan, saga: SagaValue, cause: TurnCause): Draft {
  if (!saga.whole) return NEED_ALL;
  const actions = actionsOf(saga);
  const idle = actions.filter((action) => isIdle(action) && !action.verifying);
  const settled = idle.map((action) => withdrawn(plan, action));
  const turned: SagaValue = { ...withOperations(saga, settled), state: 'compensating', cause, turning: null, finishedBy: null };
  const open = actionsOf(turned).filter((action) => action.state === 'running' || isIdle(action));
  if (open.length === 0) return beginUndo(plan, { ...turned, openActions: 0 });
  const told = open.filter((action) => action.state === 'running' && !action.verifying);
  const asked = settled.filter((action) => action.state === 'started');
  return draft({ ...turned, openActions: open.length }, null, [
    ...told.map(({ step, direction, round }): SagaEffect => ({ type: 'abort', operation: { step, direction, round } })),
    ...asked.map((action) => dispatch(plan, action)),
  ]);
}

/** Nobody runs it, and it has not settled. A skipped one may still wait for its turn, but there is nothing left to do for it. */
function isIdle({ state }: Operation): boolean {
  return state === 'pending' || state === 'started' || state === 'retrying' || state === 'waiting';
}

function withdrawn(plan: Plan, action: Operation): Operation {
  const state = settledBetweenAttempts(action);
  // Whoever is waited for may still come to the effect; then it is late.
  const settled: Operation = { ...withoutStuckChild(action), state, fence: action.fence + (action.state === 'waiting' ? 1 : 0) };
  return state === 'unknown' && canBeAsked(plan, action) ? askWhetherDone(settled) : settled;
}

/** What becomes of an operation that nobody runs, when its saga turns back. */
export function settledBetweenAttempts(operation: Operation): 'completed' | 'skipped' | 'unknown' | 'failed' {
  if (operation.heard?.kind === 'completed') return 'completed';
  if (operation.hadUnknown) return 'unknown';
  if (mayComeToItsEffect(operation)) return 'unknown';
  if (operation.state === 'waiting') return 'skipped';
  return operation.claims === 0 ? 'skipped' : 'failed';
}

/**
 * Somebody outside was asked for it; a time or a signal that is waited for has no effect. A saga that it has begun is there also while
 * it looks after it.
 */
export function mayComeToItsEffect({ state, wait }: Operation): boolean {
  return wait?.kind === 'saga' || (state === 'waiting' && wait?.kind === 'callback');
}

/**
 * Whether there may be another attempt: of an action only while its saga goes forward, unless it is only asked after. In a stuck saga an
 * action that has not settled stands beside its pivot, and a person may yet say that it goes forward.
 */
export function mayStillRun(operation: Operation, saga: SagaValue): boolean {
  return operation.direction === 'undo' || operation.verifying || saga.state === 'started' || saga.state === 'stuck';
}
