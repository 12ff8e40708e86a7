import { NEED_ALL } from './decision';
import { dispatch, draft, ended, type Draft } from './draft';
import { settleLateRound } from './late';
import { newOperation, operationKey, type ActionOutcome, type Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, isTerminal, operationOf, withOperations, type SagaValue } from './saga-value';
import { arrangeUndos } from './undo-graph';
import { givenUpUndos, isHeldUp, readyUndos, roomFor, undoOrder, undosUnderWay } from './undo-order';

/** Everything has settled: what nothing was built on is undone first, the rest as soon as what was built on it is. */
export function beginUndo(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  const actions = undoOrder(plan, actionsOf(saga));
  const outcomes = new Map(actions.map((action) => [action.step, outcomeOf(action)]));
  const places = arrangeUndos(
    plan,
    actions.map(({ step }) => step),
  );
  const undos = places.map(({ step, waitsFor, releases }, place) => {
    const waits = waitsFor.length;
    const init = { order: place + 1, waits, releases, actionOutcome: outcomes.get(step) ?? null };
    return newOperation({ step, direction: 'undo', round: 1 }, { state: waits === 0 ? 'started' : 'pending', ...init });
  });
  if (undos.length === 0) return ended({ ...saga, state: 'failed' });
  return draft({ ...withOperations(saga, undos), openUndos: undos.length }, null, wakeUps(plan, undos));
}

function outcomeOf({ state }: Operation): ActionOutcome {
  return state === 'completed' || state === 'failed' ? state : 'unknown';
}

/** The rules of the way back: the next undos, the end, or a person who must act. */
export function settleUndo(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  if (isTerminal(saga.state)) return settleLateRound(plan, saga, undo);
  const isDone = undo.state === 'completed';
  const openUndos = saga.openUndos - (isDone ? 1 : 0);
  const givenUp = saga.givenUp + (isDone ? 0 : 1);
  if (openUndos === 0) return ended({ ...withOperations(saga, [undo]), openUndos, state: 'compensated' }, undo);
  const released = isDone ? releasedBy(saga, undo) : [];
  if (released === null || (givenUp > 0 && !saga.whole)) return NEED_ALL;
  // Once an undo was given up, what waits is told by its counters no more: a place that it held may be free for others.
  if (givenUp > 0) return goOn(plan, { ...withOperations(saga, [undo, ...released]), openUndos, givenUp }, undo);
  const moved = released.map((other) => (other.waits === 0 ? started(other) : other));
  return draft({ ...withOperations(saga, [undo, ...moved]), openUndos }, undo, wakeUps(plan, moved));
}

/** It waits. If that is for a person who must help elsewhere, those that it was not built on do not wait for it: its place is free. */
export function undoWaits(plan: Plan, saga: SagaValue, before: Operation, undo: Operation): Draft {
  const waiting = withOperations(saga, [undo]);
  if (!isHeldUp(undo) || plan.onStuck !== 'continue' || isTerminal(saga.state)) return draft(waiting, undo);
  if (!saga.whole) return NEED_ALL;
  return goOn(plan, { ...waiting, givenUp: saga.givenUp + (isHeldUp(before) ? 0 : 1) }, undo);
}

/** Those that waited for this undo, with one less to wait for; null when they are not at hand. */
function releasedBy(saga: SagaValue, { step, round, releases }: Operation): readonly Operation[] | null {
  const released: Operation[] = [];
  const release = (other: Operation): void => {
    if (other.state === 'pending') released.push({ ...other, waits: Math.max(0, other.waits - 1) });
  };
  for (const place of releases) {
    const other = operationOf(saga, { step: place, direction: 'undo', round: 1 });
    if (other === undefined) return null;
    release(other);
  }
  const another = operationOf(saga, { step, direction: 'undo', round: round + 1 });
  if (another !== undefined) release(another);
  return released;
}

/**
 * One undo was given up. `halt`: nothing more begins; what is under way comes to its own end. `continue`: those that it was not built
 * on go on. When nothing is under way any more a person must act.
 */
function goOn(plan: Plan, saga: SagaValue, subject: Operation | null, again: readonly Operation[] = []): Draft {
  const isHalted = plan.onStuck !== 'continue' && givenUpUndos(saga).length > 0;
  const begun = [...again, ...(isHalted ? [] : readyUndos(plan, saga).map(started))];
  if (begun.length > 0) return draft({ ...withOperations(saga, begun), state: 'compensating' }, subject, wakeUps(plan, begun));
  if (saga.state === 'stuck' || undosUnderWay(saga).length > 0) return draft(saga, subject);
  return ended({ ...saga, state: 'stuck' }, subject);
}

/**
 * A person asks for undos that were given up to be tried again, with their budgets whole. A stuck saga moves on, and whatever may begin
 * by now does; one that has ended keeps its state. One is always tried at once; of many no more than may run.
 */
export function tryAgain(plan: Plan, saga: SagaValue, undos: readonly Operation[]): Draft {
  const room = isTerminal(saga.state) ? undos.length : Math.max(1, roomFor(plan, undosUnderWay(saga)));
  const inOrder = [...undos]
    .sort((a, b) => a.order - b.order)
    .map((undo) => ({ ...undo, claims: 0, losses: 0, blamed: 0, waits: 0, heard: null }));
  const again = inOrder.slice(0, room).map(started);
  const later = inOrder.slice(room).map((undo): Operation => ({ ...undo, state: 'pending' }));
  const tried = withOperations(saga, [...again, ...later]);
  const [subject = null] = undos.map((undo) => tried.operations.get(operationKey(undo)) ?? undo);
  return isTerminal(saga.state) ? draft(tried, subject, wakeUps(plan, again)) : goOn(plan, tried, subject, again);
}

function started(undo: Operation): Operation {
  return { ...undo, waits: 0, state: 'started' };
}

function wakeUps(plan: Plan, undos: readonly Operation[]): ReturnType<typeof dispatch>[] {
  return undos.filter(({ state }) => state === 'started').map((undo) => dispatch(plan, undo));
}
