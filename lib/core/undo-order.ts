import type { Operation } from './operation';
import type { Plan } from './plan';
import { ancestorsOf } from './plan-graph';
import { isTerminal, type SagaValue } from './saga-value';

/**
 * The actions that need an undo, in the order in which they are undone: the last one started comes first. A step starts only
 * after everything it depends on has settled, so this order never undoes a step before those that were built on it.
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
      return plan.steps[action.step]?.compensateOnFailure === true;
    case 'skipped':
      return action.hadUnknown; // somebody gave it up between two attempts, one of which may have taken effect
    default:
      return false;
  }
}

/** What can be undone next, when some undos were given up: nothing that one of them was built on. */
export function nextUndos(plan: Plan, saga: SagaValue): { readonly active: boolean; readonly next: Operation | undefined } {
  const undos = [...saga.operations.values()].filter(({ direction }) => direction === 'undo').sort((a, b) => a.order - b.order);
  const active = undos.some(({ state }) => state === 'started' || state === 'running' || state === 'retrying' || state === 'waiting');
  const kept = new Set(undos.filter(isGivenUp).flatMap(({ step }) => [step, ...ancestorsOf(plan.steps, step)]));
  return { active, next: undos.find(({ state, step }) => state === 'pending' && !kept.has(step)) };
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
