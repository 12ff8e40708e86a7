import type { Decision, NeedAll } from './decision';
import type { HistoryEntry, SagaEffect } from './effect';
import type { SagaEvent } from './event';
import { attemptsOf, type Operation, type OperationRef } from './operation';
import type { Plan, OperationPolicy } from './plan';
import { isTerminal, type SagaValue } from './saga-value';

/** A decision in the making: the rules build the saga and its effects; `finish` numbers and records it. */
export type Draft = Made | NeedAll;

interface Made {
  readonly kind: 'draft';
  readonly saga: SagaValue;
  /** The operation that the history will name. */
  readonly subject: Operation | null;
  readonly effects: readonly SagaEffect[];
}

export function draft(saga: SagaValue, subject: Operation | null, effects: readonly SagaEffect[] = []): Draft {
  return { kind: 'draft', saga, subject, effects };
}

/** The same draft, with the operation that brought it about. */
export function about(subject: Operation, made: Draft): Draft {
  return made.kind === 'draft' ? { ...made, subject } : made;
}

/** The saga reached a state on which waiters return. */
export function ended(saga: SagaValue, subject: Operation | null = null): Draft {
  return draft(saga, subject, [{ type: 'ended', state: saga.state }]);
}

/** What later handlers see, when there was something new in this attempt and it counts. */
export function withContext(event: SagaEvent, made: Draft): Draft {
  const patch = 'contextPatch' in event ? event.contextPatch : undefined;
  if (made.kind === 'need' || patch === undefined) return made;
  return { ...made, effects: [...made.effects, { type: 'context', patch }] };
}

/** @param kind what the history calls it; the event's own name, unless it came too late to be that */
export function finish(event: SagaEvent, made: Draft, kind: HistoryEntry['kind'] = event.type): Decision {
  if (made.kind === 'need') return made;
  // A pause ends with the saga: the undo of an effect that comes after the end must not wait for a resume that cannot come.
  const paused = made.saga.paused && !isTerminal(made.saga.state);
  const saga = { ...made.saga, paused, rev: made.saga.rev + 1 };
  return { kind: 'moved', saga, effects: [...made.effects, { type: 'record', entry: entryOf(kind, event, saga, made.subject) }] };
}

function entryOf(kind: HistoryEntry['kind'], event: SagaEvent, saga: SagaValue, subject: Operation | null): HistoryEntry {
  return {
    kind,
    state: saga.state,
    step: subject === null ? null : subject.step,
    direction: subject?.direction ?? null,
    round: subject?.round ?? null,
    fence: subject?.fence ?? null,
    attempt: subject === null ? null : attemptsOf(subject),
    actor: 'actor' in event ? event.actor : null,
    reason: 'reason' in event ? (event.reason ?? null) : null,
    error: subject?.error ?? null,
  };
}

/** The wake-up of an operation that may be claimed, now or in a while. */
export function dispatch(plan: Plan, operation: OperationRef, inMs = 0): SagaEffect {
  const { step, direction, round } = operation;
  return { type: 'dispatch', operation: { step, direction, round }, key: keyOf(plan, operation), inMs };
}

/** The key of the handler that runs an operation. */
export function keyOf(plan: Plan, operation: OperationRef): string {
  const step = plan.steps[operation.step];
  const key = operation.direction === 'action' ? step?.action : step?.compensation;
  if (key == null) throw new TypeError(`plan "${plan.name}" has no handler for the ${operation.direction} of step ${operation.step}`);
  return key;
}

/** The policy of what the next attempt of an operation runs. */
export function policyOf(plan: Plan, operation: OperationRef & Partial<Pick<Operation, 'verifying'>>): OperationPolicy {
  const step = plan.steps[operation.step];
  if (step === undefined) throw new TypeError(`plan "${plan.name}" has no step ${operation.step}`);
  if (operation.verifying === true && step.verifyPolicy !== undefined) return step.verifyPolicy;
  return operation.direction === 'action' ? step.actionPolicy : step.undoPolicy;
}

/** Whether an attempt of which nobody hears the end may have its effect all the same. */
export function mayTakeEffect(plan: Plan, operation: Operation): boolean {
  // Until its condition has said yes, no handler is run.
  return policyOf(plan, operation).transactional !== true && operation.condition === null;
}
