import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, type Draft } from './draft';
import type { CompletedEvent, SagaEvent } from './event';
import type { Json } from './json';
import { newOperation, type Operation } from './operation';
import type { Plan } from './plan';
import { isTerminal, withOperations, type SagaValue } from './saga-value';

/**
 * An attempt that was given up as unknown reports after all that it took effect. If its undo has not been tried yet,
 * that will do. If it has, the undo may have come before the effect, so there is another round of it, under the same idempotency
 * key. A saga that has ended keeps its state and raises `attention` until that round is done.
 */
export function lateOutcome(plan: Plan, saga: SagaValue, action: Operation, event: CompletedEvent): Decision {
  return event.fence >= action.fence ? ignored('stale') : lateEffect(plan, saga, action, event, event.fence, event.output);
}

/** @param fence up to which attempts are spoken of */
export function lateEffect(plan: Plan, saga: SagaValue, action: Operation, event: SagaEvent, fence: number, output: Json): Decision {
  if (!isDoubted(action) || fence <= action.lateFence) return ignored('stale');
  if (plan.steps[action.step]?.compensation == null) return ignored('stale');
  if (!saga.whole) return NEED_ALL;
  const heard: Operation = { ...action, lateFence: fence, output };
  const undos = [...saga.operations.values()].filter((operation) => operation.direction === 'undo');
  const last = undos.filter((undo) => undo.step === action.step).sort((a, b) => b.round - a.round)[0];
  if (last === undefined && action.state !== 'failed') return ignored('stale');
  // A person ended it with nothing more undone; but what was being undone must not come back unnoticed.
  if (saga.cause?.kind === 'terminated' && (last === undefined || isUntried(last))) return ignored('stale');
  // Somebody said that it had not happened, and its undo was left out: now the answer is another one.
  if (last === undefined && saga.openActions > 0) {
    const completed: Operation = { ...heard, state: 'completed' };
    return finish(event, draft(withOperations(saga, [completed]), completed), 'late');
  }
  // An undo that will be told `failed` may leave out what only the effect makes necessary.
  if (last !== undefined && last.actionOutcome !== 'failed' && isUntried(last)) return ignored('stale');
  // The undos of a saga that has ended wait for nobody: they have no place in the order.
  const order = isTerminal(saga.state) ? 0 : Math.max(0, ...undos.map((undo) => undo.order)) + 1;
  return finish(event, anotherRound(plan, saga, heard, (last?.round ?? 1) + 1, order), 'late');
}

/** It ended without the effect, and one attempt of it may still come to it. */
function isDoubted({ state, hadUnknown }: Operation): boolean {
  return state === 'unknown' || ((state === 'failed' || state === 'skipped') && hadUnknown);
}

function isUntried(undo: Operation): boolean {
  return undo.claims === 0 && undo.state !== 'completed';
}

function anotherRound(plan: Plan, saga: SagaValue, action: Operation, round: number, order: number): Draft {
  const atOnce = isTerminal(saga.state);
  const ref = { step: action.step, direction: 'undo', round } as const;
  const undo = newOperation(ref, { order, actionOutcome: 'completed', waits: atOnce ? 0 : 1, state: atOnce ? 'started' : 'pending' });
  const asked: SagaValue = { ...withOperations(saga, [action, undo]), openUndos: saga.openUndos + 1, attention: atOnce };
  return draft(asked, action, atOnce ? [dispatch(plan, undo), { type: 'attention', raised: true }] : []);
}

/** A round that an ended saga asked for is over: the last one that completes clears the attention, one that is given up keeps it. */
export function settleLateRound(saga: SagaValue, undo: Operation): Draft {
  const settled = withOperations(saga, [undo]);
  if (undo.state !== 'completed') return draft(settled, undo);
  const openUndos = saga.openUndos - 1;
  return draft({ ...settled, openUndos, attention: openUndos > 0 }, undo, openUndos > 0 ? [] : [{ type: 'attention', raised: false }]);
}
