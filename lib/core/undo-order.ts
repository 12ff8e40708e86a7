import type { Operation } from './operation';
import { UNDOS_AT_ONCE, type Plan } from './plan';
import { ancestorsOfAll } from './plan-graph';
import { isTerminal, type SagaValue } from './saga-value';

/**
 * The actions that need an undo, the last one started first. A step starts only after everything it depends on has settled, so none
 * comes before those that were built on it.
 */
export function undoOrder(plan: Plan, actions: readonly Operation[]): readonly Operation[] {
  return actions
    .filter((action) => plan.steps[action.step]?.compensation != null && needsUndo(plan, action))
    .sort((a, b) => b.order - a.order);
}

function needsUndo(plan: Plan, action: Operation): boolean {
  switch (action.state) {
    case 'completed':
    case 'unknown':
      return true;
    case 'failed':
      return plan.steps[action.step]?.compensateOnFailure === true || isSaidOfAChild(plan, action);
    case 'skipped':
      return action.hadUnknown; // somebody gave it up between two attempts, one of which may have taken effect
    default:
      return false;
  }
}

/** Somebody has said that it failed; but the saga that it runs goes on until it is told to turn back. */
function isSaidOfAChild(plan: Plan, { step, hadUnknown }: Operation): boolean {
  return hadUnknown && plan.steps[step]?.child !== undefined;
}

/**
 * The undos that may begin, judged by the whole saga: every step that was built on theirs is undone, and there is room for another.
 * Further rounds take no room, or the effect that came late would wait behind what has nothing to do with it.
 */
export function readyUndos(plan: Plan, saga: SagaValue): readonly Operation[] {
  const undos = undosOf(saga);
  const isFirst = ({ round }: Operation): boolean => round === 1;
  const open = undos.filter((undo) => isFirst(undo) && undo.state !== 'completed');
  const builtOn = ancestorsOfAll(
    plan.steps,
    open.map(({ step }) => step),
  );
  const room = roomFor(plan, undos.filter(isFirst));
  const pending = undos.filter(({ state }) => state === 'pending');
  return [
    ...pending.filter((undo) => isFirst(undo) && !builtOn.has(undo.step)).slice(0, Math.max(0, room)),
    ...pending.filter((undo) => !isFirst(undo) && undo.waits === 0),
  ];
}

/** How many more undos may begin beside these. What waits for a saga that is stuck waits for a person, as one that was given up. */
export function roomFor(plan: Plan, undos: readonly Operation[]): number {
  const isPassed = (undo: Operation): boolean => plan.onStuck === 'continue' && isHeldUp(undo);
  return (plan.undosAtOnce ?? UNDOS_AT_ONCE) - undos.filter((undo) => isUnderWay(undo) && !isPassed(undo)).length;
}

/** The saga that it waits for, or has looked at last, is stuck. */
export function isHeldUp({ wait }: Operation): boolean {
  return wait?.kind === 'saga' && wait.stuck === true;
}

export function undosUnderWay(saga: SagaValue): readonly Operation[] {
  return undosOf(saga).filter(isUnderWay);
}

/** It was asked for, and has not settled. */
export function isUnderWay({ state }: Operation): boolean {
  return state === 'started' || state === 'running' || state === 'retrying' || state === 'waiting';
}

/** Undos whose attempts are used up: a person must act. */
export function givenUpUndos(saga: SagaValue): readonly Operation[] {
  return undosOf(saga).filter((undo) => isGivenUp(undo) && isStillWanted(saga, undo));
}

function undosOf(saga: SagaValue): readonly Operation[] {
  return [...saga.operations.values()].filter(({ direction }) => direction === 'undo').sort((a, b) => a.order - b.order);
}

/**
 * The round of a step's undo that somebody means who asks about it: the one that is tried or was given up, though a later one may
 * wait behind it; if there is none, the last.
 */
export function undoInQuestion(saga: SagaValue, step: number): Operation | undefined {
  const rounds = [...saga.operations.values()].filter((operation) => operation.direction === 'undo' && operation.step === step);
  rounds.sort((a, b) => a.round - b.round);
  return rounds.find(({ state }) => state !== 'pending' && state !== 'completed' && state !== 'skipped') ?? rounds.at(-1);
}

/** Of a saga that has ended only what a late effect has asked for since; what a person had left when it was terminated stays as it is. */
export function isStillWanted(saga: Pick<SagaValue, 'state'>, undo: Operation): boolean {
  return !isTerminal(saga.state) || undo.order === 0;
}

export function isGivenUp({ direction, state }: Operation): boolean {
  return direction === 'undo' && (state === 'failed' || state === 'unknown');
}
