import * as fc from 'fast-check';
import type { Decision } from '../../lib/core/decision';
import type { SagaEffect } from '../../lib/core/effect';
import type { SagaEvent } from '../../lib/core/event';
import { startSaga } from '../../lib/core/forward';
import type { Operation, OperationRef } from '../../lib/core/operation';
import type { Plan } from '../../lib/core/plan';
import { withOperations, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';

/** What the world does next. `pick` chooses among whatever there is to choose from at that moment, so a walk shrinks well. */
export type Move =
  | { readonly kind: 'claim-ready' | 'claim-any'; readonly pick: number; readonly due: boolean }
  | ({ readonly kind: 'end' | 'end-stale' } & Ending)
  | { readonly kind: 'again' | 'late'; readonly pick: number }
  | { readonly kind: 'report'; readonly pick: number; readonly completed: boolean }
  | { readonly kind: 'deadline' | 'compensate' };

interface Ending {
  readonly pick: number;
  readonly how: 'completed' | 'failed' | 'unknown' | 'released' | 'interrupted' | 'lost' | 'timed-out';
  readonly retryable: boolean | undefined;
  readonly retryAfterMs: number | undefined;
  readonly seed: number;
}

const pick = fc.nat({ max: 1_000 });

const ending = (how: fc.Arbitrary<Ending['how']>): fc.Arbitrary<Ending> =>
  fc.record({
    pick,
    how,
    retryable: fc.constantFrom(undefined, true, false),
    retryAfterMs: fc.constantFrom(undefined, 0, 250),
    seed: fc.constantFrom(0, 0.5, 0.999),
  });

const anyHow = fc.constantFrom<Ending['how'][]>('failed', 'unknown', 'released', 'interrupted', 'lost', 'timed-out', 'completed');

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('claim-ready' as const), pick, due: fc.constant(true) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('claim-any' as const), pick, due: fc.boolean() }) },
  { weight: 8, arbitrary: ending(fc.constant('completed')).map((how) => ({ kind: 'end' as const, ...how })) },
  { weight: 4, arbitrary: ending(anyHow).map((how) => ({ kind: 'end' as const, ...how })) },
  { weight: 2, arbitrary: ending(anyHow).map((how) => ({ kind: 'end-stale' as const, ...how })) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('late' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('report' as const), pick, completed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('deadline' as const, 'compensate' as const, 'compensate' as const) }) },
);

export const randomMoves: fc.Arbitrary<readonly Move[]> = fc.array(move, { maxLength: 70, size: 'max' });

/** One event and what it did. */
export interface Pace {
  readonly before: SagaValue;
  readonly event: SagaEvent;
  readonly decision: Decision;
  /** The same as before when the event was ignored. */
  readonly after: SagaValue;
}

export interface Walk {
  readonly plan: Plan;
  readonly start: { readonly saga: SagaValue; readonly effects: readonly SagaEffect[] };
  readonly paces: readonly Pace[];
  readonly end: SagaValue;
}

/** Leads a saga through the moves, always deciding from the whole of it. */
export function walk(plan: Plan, moves: readonly Move[]): Walk {
  const start = startSaga(plan, 'saga-1');
  const paces: Pace[] = [];
  let saga = start.saga;
  moves.forEach((next, place) => {
    const found = eventOf(next, saga, paces, `claim-${place}`);
    if (found === null) return;
    const { before, event } = found;
    const decision = transition(plan, before, event);
    saga = decision.kind === 'moved' ? decision.saga : before;
    paces.push({ before, event, decision, after: saga });
  });
  return { plan, start, paces, end: saga };
}

function eventOf(
  next: Move,
  saga: SagaValue,
  past: readonly Pace[],
  claimId: string,
): { readonly before: SagaValue; readonly event: SagaEvent } | null {
  const operations = [...saga.operations.values()];
  switch (next.kind) {
    case 'claim-ready': {
      const operation = chosen(operations.filter(isReady), next.pick);
      return operation && { before: saga, event: { type: 'claim', operation: refOf(operation), claimId, due: next.due } };
    }
    case 'claim-any': {
      const nowhere: OperationRef = { step: next.pick % 9, direction: 'undo', round: 1 + (next.pick % 2) };
      const operation = chosen<OperationRef>([...operations, nowhere], next.pick);
      return operation && { before: saga, event: { type: 'claim', operation: refOf(operation), claimId, due: next.due } };
    }
    case 'end': {
      const operation = chosen(operations.filter(isRunning), next.pick);
      if (operation === null) return null;
      const before = next.how === 'timed-out' ? withOperations(saga, [{ ...operation, timedOut: true }]) : saga;
      return { before, event: ended(next, operation) };
    }
    case 'end-stale': {
      const operation = chosen(operations, next.pick);
      if (operation === null) return null;
      const other = next.pick % 2 === 0 ? { ...operation, fence: operation.fence - 1 } : { ...operation, claimId: 'of-somebody-else' };
      return { before: saga, event: ended(next, other) };
    }
    case 'late': {
      const operation = chosen(
        operations.filter(({ direction, state }) => direction === 'action' && state === 'unknown'),
        next.pick,
      );
      if (operation === null) return null;
      const { fence, claimId } = operation;
      const of = { operation: refOf(operation), fence: fence - 1, claimId: claimId ?? 'none' };
      return { before: saga, event: { type: 'completed', ...of, output: { late: operation.step } } };
    }
    case 'again': {
      const old = chosen(past, next.pick);
      return old && { before: saga, event: old.event };
    }
    case 'report': {
      const operation = chosen(operations, next.pick);
      const result = next.completed
        ? ({ kind: 'completed', output: 'by hand' } as const)
        : ({ kind: 'failed', error: { code: 'BY_HAND', message: 'a person says so' } } as const);
      return operation && { before: saga, event: { type: 'reported', operation: refOf(operation), result, actor: 'ann' } };
    }
    case 'deadline':
      return { before: saga, event: { type: 'deadline' } };
    case 'compensate':
      return { before: saga, event: { type: 'compensate', reason: 'asked', actor: 'ann' } };
  }
}

function ended({ how, retryable, retryAfterMs, seed }: Ending, running: Operation): SagaEvent {
  const of = { operation: refOf(running), fence: running.fence, claimId: running.claimId ?? 'none' };
  switch (how) {
    case 'completed':
      return { type: 'completed', ...of, output: { done: running.step } };
    case 'failed':
    case 'unknown':
      return { type: 'failed', ...of, error: { code: 'E', message: 'no' }, outcome: how, retryable, retryAfterMs, seed };
    case 'released':
    case 'interrupted':
      return { type: 'released', ...of, interrupted: how === 'interrupted' };
    case 'lost':
    case 'timed-out':
      return { type: 'lease-expired', ...of, seed };
  }
}

export function refOf({ step, direction, round }: OperationRef): OperationRef {
  return { step, direction, round };
}

export function isReady(operation: Operation): boolean {
  return operation.state === 'started' || operation.state === 'retrying';
}

export function isRunning(operation: Operation): boolean {
  return operation.state === 'running';
}

function chosen<T>(from: readonly T[], pick: number): T | null {
  return from[pick % Math.max(1, from.length)] ?? null;
}
