import { NEED_ALL } from './decision';
import { dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import { settleLateRound } from './late';
import { newOperation, type ActionOutcome, type Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, isTerminal, withOperations, type SagaState, type SagaValue, type TurnCause } from './saga-value';
import { isGivenUp, isStillWanted, nextUndos, undoOrder } from './undo-order';
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
  const turned: SagaValue = { ...withOperations(saga, settled), state: 'compensating', cause };
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
  const settled: Operation = { ...action, state, fence: action.fence + (action.state === 'waiting' ? 1 : 0) };
  return state === 'unknown' && canBeAsked(plan, action) ? askWhetherDone(settled) : settled;
}

/** What becomes of an operation that nobody runs, when its saga turns back. */
export function settledBetweenAttempts(operation: Operation): 'skipped' | 'unknown' | 'failed' {
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

/** Whether there may be another attempt: of an action only while its saga goes forward, unless it is only asked after. */
export function mayStillRun(operation: Operation, saga: SagaValue): boolean {
  return operation.direction === 'undo' || operation.verifying || saga.state === 'started';
}

/** Everything has settled: one undo after the other, the last step started first. */
export function beginUndo(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  const undos = undoOrder(plan, actionsOf(saga)).map((action, place) =>
    newOperation(
      { step: action.step, direction: 'undo', round: 1 },
      { order: place + 1, waits: place === 0 ? 0 : 1, state: place === 0 ? 'started' : 'pending', actionOutcome: outcomeOf(action) },
    ),
  );
  const [first] = undos;
  if (first === undefined) return ended({ ...saga, state: 'failed' });
  return draft({ ...withOperations(saga, undos), openUndos: undos.length }, null, [dispatch(plan, first)]);
}

function outcomeOf({ state }: Operation): ActionOutcome {
  return state === 'completed' || state === 'failed' ? state : 'unknown';
}

/** The rules of the way back: the next undo, the end, or a person who must act. */
export function settleUndo(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  if (isTerminal(saga.state)) return settleLateRound(saga, undo);
  const isDone = undo.state === 'completed';
  const settled = { ...withOperations(saga, [undo]), openUndos: isDone ? saga.openUndos - 1 : saga.openUndos };
  if (settled.openUndos === 0) return ended({ ...settled, state: 'compensated' }, undo);
  if (plan.onStuck === 'continue') return goOn(plan, settled, undo);
  return isDone ? followingUndo(plan, settled, undo) : ended({ ...settled, state: 'stuck' }, undo);
}

/** The strict chain: only the undo after this one is looked at. */
function followingUndo(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  const following = [...saga.operations.values()].find((other) => other.direction === 'undo' && other.order === undo.order + 1);
  if (following === undefined) return NEED_ALL;
  return startUndos(plan, saga, [following], undo);
}

/** One undo was given up: those that do not depend on it go on, and when none is left a person must act. */
function goOn(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  if (!saga.whole) return NEED_ALL;
  const { active, next } = nextUndos(plan, saga);
  if (active) return draft(saga, undo);
  if (next !== undefined) return startUndos(plan, saga, [next], undo);
  return saga.state === 'stuck' ? draft(saga, undo) : ended({ ...saga, state: 'stuck' }, undo);
}

function startUndos(plan: Plan, saga: SagaValue, undos: readonly Operation[], subject: Operation): Draft {
  const started = undos.map((undo): Operation => ({ ...undo, waits: 0, state: 'started' }));
  return draft(
    { ...withOperations(saga, started), state: 'compensating' },
    subject,
    started.map((undo) => dispatch(plan, undo)),
  );
}

/**
 * A person asks for undos that were given up to be tried again, with their budgets whole. A stuck saga moves on; one that has ended
 * keeps its state.
 */
export function tryAgain(plan: Plan, saga: SagaValue, undos: readonly Operation[]): Draft {
  const again = undos.map((undo): Operation => ({ ...undo, state: 'started', claims: 0, losses: 0, blamed: 0 }));
  const state = isTerminal(saga.state) ? saga.state : 'compensating';
  return draft(
    { ...withOperations(saga, again), state },
    again[0] ?? null,
    again.map((undo) => dispatch(plan, undo)),
  );
}

/** Undos whose attempts are used up: a person must act. */
export function givenUpUndos(saga: SagaValue): readonly Operation[] {
  return [...saga.operations.values()].filter((undo) => isGivenUp(undo) && isStillWanted(saga, undo));
}

export function ended(saga: SagaValue & { readonly state: SagaState }, subject: Operation | null = null): Draft {
  return draft(saga, subject, [{ type: 'ended', state: saga.state }]);
}
