import { NEED_ALL } from './decision';
import { dispatch, draft, type Draft } from './draft';
import type { SagaEffect } from './effect';
import { settleLateRound } from './late';
import { newOperation, type Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, isTerminal, withOperations, type SagaState, type SagaValue, type TurnCause } from './saga-value';
import { undoOrder } from './undo-order';

/**
 * The saga turns back. What never began is skipped, what is between two attempts settles, and what is running is
 * told and waited for: the undo begins when everything has settled.
 */
export function turnBack(plan: Plan, saga: SagaValue, cause: TurnCause): Draft {
  if (!saga.whole) return NEED_ALL;
  const actions = actionsOf(saga);
  const running = actions.filter((action) => action.state === 'running');
  const idle = actions.filter((action) => action.state === 'pending' || action.state === 'started' || action.state === 'retrying');
  const settled = idle.map((action): Operation => ({ ...action, state: settledBetweenAttempts(action) }));
  const turned: SagaValue = { ...withOperations(saga, settled), state: 'compensating', openActions: running.length, cause };
  if (running.length === 0) return beginUndo(plan, turned);
  return draft(
    turned,
    null,
    running.map(({ step, direction, round }) => ({ type: 'abort', operation: { step, direction, round } })),
  );
}

/** What becomes of an operation that nobody runs, when its saga turns back. */
export function settledBetweenAttempts(operation: Operation): 'skipped' | 'unknown' | 'failed' {
  if (operation.hadUnknown) return 'unknown';
  return operation.claims === 0 ? 'skipped' : 'failed';
}

/** Everything has settled: one undo after the other, the last step started first. */
export function beginUndo(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  const actions = undoOrder(plan, actionsOf(saga));
  const undos = actions.map((action, place) =>
    newOperation(
      { step: action.step, direction: 'undo', round: 1 },
      {
        order: place + 1,
        waits: place === 0 ? 0 : 1,
        state: place === 0 ? 'started' : 'pending',
        actionOutcome: action.state === 'completed' ? 'completed' : 'unknown',
      },
    ),
  );
  const [first] = undos;
  if (first === undefined) return ended({ ...saga, state: 'failed' });
  return draft({ ...withOperations(saga, undos), openUndos: undos.length }, null, [dispatch(plan, first)]);
}

/** The rules of the way back: the next undo, the end, or a person who must act. */
export function settleUndo(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  if (isTerminal(saga.state)) return settleLateRound(saga, undo);
  const settled = withOperations(saga, [undo]);
  if (undo.state !== 'completed') return ended({ ...settled, state: 'stuck' }, undo);
  const openUndos = saga.openUndos - 1;
  if (openUndos === 0) return ended({ ...settled, openUndos, state: 'compensated' }, undo);
  const following = [...saga.operations.values()].find((other) => other.direction === 'undo' && other.order === undo.order + 1);
  if (following === undefined) return NEED_ALL;
  const started: Operation = { ...following, waits: following.waits - 1, state: 'started' };
  return draft({ ...withOperations(settled, [started]), openUndos, state: 'compensating' }, undo, [dispatch(plan, started)]);
}

/** A person asks for the undo that was given up to be tried again, with its budgets whole. */
export function retryStuckUndos(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  return tryAgain(plan, saga, 'compensating');
}

/** The same for the rounds that an ended saga asked for; its state stays. */
export function retryLateRounds(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  return tryAgain(plan, saga, saga.state);
}

function tryAgain(plan: Plan, saga: SagaValue, state: SagaState): Draft {
  const again = givenUpUndos(saga).map((undo): Operation => ({ ...undo, state: 'started', claims: 0, losses: 0, blamed: 0 }));
  const effects: readonly SagaEffect[] = again.map((undo) => dispatch(plan, undo));
  return draft({ ...withOperations(saga, again), state }, again[0] ?? null, effects);
}

/** Undos whose attempts are used up: a person must act. */
export function givenUpUndos(saga: SagaValue): readonly Operation[] {
  return [...saga.operations.values()].filter(
    ({ direction, state }) => direction === 'undo' && (state === 'failed' || state === 'unknown'),
  );
}

function ended(saga: SagaValue & { readonly state: SagaState }, subject: Operation | null = null): Draft {
  return draft(saga, subject, [{ type: 'ended', state: saga.state }]);
}
