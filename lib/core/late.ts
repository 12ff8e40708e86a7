import { hasReason } from './attention';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, type Draft } from './draft';
import type { SagaEffect } from './effect';
import type { SagaEvent } from './event';
import type { Json } from './json';
import { newOperation, type Operation } from './operation';
import type { Plan } from './plan';
import { isTerminal, withOperations, type SagaValue } from './saga-value';
import { givenUpUndos } from './undo-order';

/** Somebody says, after all, that an action took effect, or has asked somebody outside for it. */
export interface LateWord {
  readonly event: SagaEvent;
  /** Up to which attempts are spoken of. */
  readonly fence: number;
  /** `unknown`: whoever was asked has not answered. */
  readonly outcome: 'completed' | 'unknown';
  readonly output?: Json;
}

/**
 * An attempt that was given up as unknown reports after all that it took effect, or may yet. If its undo has not been tried yet,
 * that will do. If it has, the undo may have come before the effect, so there is another round of it, under the same idempotency
 * key. A saga that has ended keeps its state and raises `attention` until that round is done.
 */
export function lateOutcome(plan: Plan, saga: SagaValue, action: Operation, word: LateWord): Decision {
  const { event, fence, outcome } = word;
  if (!isDoubted(action) || fence <= action.lateFence) return ignored('stale');
  if (plan.steps[action.step]?.compensation == null) return ignored('stale');
  if (!saga.whole) return NEED_ALL;
  const heard = heardLate(action, word);
  const undos = [...saga.operations.values()].filter((operation) => operation.direction === 'undo');
  const last = undos.filter((undo) => undo.step === action.step).sort((a, b) => b.round - a.round)[0];
  if (last === undefined && action.state !== 'failed') return ignored('stale');
  // A person ended it with nothing more undone; but what was being undone must not come back unnoticed.
  if (saga.cause?.kind === 'terminated' && (last === undefined || isUntried(last))) return ignored('stale');
  // Somebody said that it had not happened, and its undo was left out: now the answer is another one.
  if (last === undefined && saga.openActions > 0) {
    const settled: Operation = { ...heard, state: outcome };
    return finish(event, draft(withOperations(saga, [settled]), settled), 'late');
  }
  // An undo that will be told `failed` may leave out what only the effect makes necessary.
  if (last !== undefined && last.actionOutcome !== 'failed' && isUntried(last)) return ignored('stale');
  // The undos of a saga that has ended wait for nobody: they have no place in the order.
  const order = isTerminal(saga.state) ? 0 : Math.max(0, ...undos.map((undo) => undo.order)) + 1;
  const round = newOperation({ step: action.step, direction: 'undo', round: (last?.round ?? 1) + 1 }, { order, actionOutcome: outcome });
  return finish(event, anotherRound(plan, saga, heard, round, last), 'late');
}

export function heardLate(action: Operation, { fence, output }: LateWord): Operation {
  return { ...action, lateFence: fence, ...(output !== undefined && { output }) };
}

/** It ended without the effect, and one attempt of it may still come to it. */
export function isDoubted({ state, hadUnknown }: Operation): boolean {
  return state === 'unknown' || ((state === 'failed' || state === 'skipped') && hadUnknown);
}

function isUntried(undo: Operation): boolean {
  return undo.fence === 0 && undo.state !== 'completed'; // an attempt that was given back may have begun, and somebody else may say that it is done
}

/** It waits for the round before it and for nothing else. While a person must act nothing begins, and it waits for that person too. */
function anotherRound(plan: Plan, saga: SagaValue, action: Operation, undo: Operation, last: Operation | undefined): Draft {
  const hasEnded = isTerminal(saga.state);
  const waits = hasEnded || last === undefined || last.state === 'completed' ? 0 : 1;
  const isHalted = !hasEnded && (saga.state === 'stuck' || (plan.onStuck !== 'continue' && givenUpUndos(saga).length > 0));
  const begins = waits === 0 && !isHalted;
  const asked: Operation = { ...undo, waits, state: begins ? 'started' : 'pending' };
  const turned: SagaValue = {
    ...withOperations(saga, [action, asked]),
    openUndos: saga.openUndos + 1,
    attention: hasEnded || saga.attention,
  };
  const raised: readonly SagaEffect[] = hasEnded ? [{ type: 'attention', raised: true }] : [];
  return draft(turned, action, [...(begins ? [dispatch(plan, asked)] : []), ...raised]);
}

/** A round that an ended saga asked for is over: the last one that completes clears the attention, one that is given up keeps it. */
export function settleLateRound(plan: Plan, saga: SagaValue, undo: Operation): Draft {
  const settled = withOperations(saga, [undo]);
  if (undo.state !== 'completed') return draft(settled, undo);
  const undone: SagaValue = { ...settled, openUndos: saga.openUndos - 1 };
  if (undone.openUndos > 0) return draft(undone, undo);
  if (!saga.whole && plan.steps.some(({ kind }) => kind === 'pivot')) return NEED_ALL;
  if (hasReason(plan, undone)) return draft(undone, undo);
  return draft({ ...undone, attention: false }, undo, [{ type: 'attention', raised: false }]);
}
