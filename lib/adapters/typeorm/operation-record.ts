import { keyOf, policyOf } from '../../core/draft';
import type { SagaEffect } from '../../core/effect';
import { limitsOf } from '../../core/kinds';
import { isSettled, operationKey, type Operation, type OperationKey } from '../../core/operation';
import { dependentsByStep, dependentsOf, type Plan } from '../../core/plan';
import { delayMs } from './sql';

/** An operation as a statement gets it: one element of a JSON array, whose fields are the columns below. */
export type OperationRecord = Readonly<Record<string, unknown>>;

/** The type of those elements. */
export const OPERATION_RECORD = `(
  direction text, step int, round int, key text, state text, waits int, ord bigint, fence bigint, fence_before bigint, claim_id text,
  claims int, losses int, blamed int, attempt_limit int, loss_limit int, had_unknown boolean, timed_out boolean, alone boolean, verifying boolean, action_outcome text, late_fence bigint, wait jsonb, heard jsonb, condition text,
  dependents int[], error jsonb, output jsonb, has_output boolean, due_ms float8, send_ms float8, settled boolean)`;

export interface Recording {
  readonly plan: Plan;
  readonly effects: readonly SagaEffect[];
  readonly resendMs: number;
}

/** Operations that a decision added, whole. */
export function newRecords(added: readonly Operation[], recording: Recording): readonly OperationRecord[] {
  const dependents = dependentsOfActions(recording.plan, added);
  return changedRecords(added, new Map(), recording).map((record, place) => {
    const operation = added[place] as Operation;
    return {
      ...record,
      key: keyOf(recording.plan, operation),
      action_outcome: operation.actionOutcome,
      dependents: operation.direction === 'action' ? (dependents.get(operation.step) ?? []) : operation.releases,
    };
  });
}

/** Operations that a decision changed: what may change of one. */
export function changedRecords(
  changed: readonly Operation[],
  before: ReadonlyMap<OperationKey, Operation>,
  { plan, effects, resendMs }: Recording,
): readonly OperationRecord[] {
  const delays = delaysOf(effects, resendMs);
  return changed.map((operation) => {
    const due = delays.get(operationKey(operation));
    const limits = limitsOf(plan, operation, policyOf(plan, operation));
    return {
      direction: operation.direction,
      step: operation.step,
      round: operation.round,
      state: operation.state,
      waits: operation.waits,
      ord: operation.order,
      fence: operation.fence,
      fence_before: before.get(operationKey(operation))?.fence ?? null,
      claim_id: operation.claimId,
      claims: operation.claims,
      losses: operation.losses,
      blamed: operation.blamed,
      attempt_limit: limits.attempts,
      loss_limit: limits.losses,
      had_unknown: operation.hadUnknown,
      timed_out: operation.timedOut,
      alone: operation.alone,
      verifying: operation.verifying,
      late_fence: operation.lateFence,
      wait: operation.wait,
      heard: operation.heard,
      condition: operation.condition,
      error: operation.error,
      output: operation.output ?? null,
      has_output: operation.output !== undefined,
      due_ms: due?.dueMs ?? null,
      send_ms: due?.sendMs ?? null,
      settled: isSettled(operation),
    };
  });
}

/** Milliseconds until the first thing that these effects ask for is due; null when they ask for nothing. */
export function earliestMs({ effects, resendMs }: Omit<Recording, 'plan'>): number | null {
  const delays = [...delaysOf(effects, resendMs).values()].map(({ sendMs }) => sendMs).filter((sendMs) => sendMs !== null);
  return delays.length === 0 ? null : Math.min(...delays);
}

interface Delays {
  /** Until it may be claimed, or its wait is over. */
  readonly dueMs: number | null;
  /** Until somebody has to look after it: to send its wake-up again, or to see what it waits for. */
  readonly sendMs: number | null;
}

function delaysOf(effects: readonly SagaEffect[], resendMs: number): ReadonlyMap<OperationKey, Delays> {
  const delays = new Map<OperationKey, Delays>();
  for (const effect of effects) {
    if (effect.type === 'dispatch') {
      const dueMs = effect.inMs === 0 ? null : delayMs(effect.inMs);
      delays.set(operationKey(effect.operation), { dueMs, sendMs: dueMs ?? delayMs(resendMs) });
    }
    if (effect.type === 'wait') {
      const dueMs = effect.endsInMs === null ? null : delayMs(effect.endsInMs);
      const lookMs = effect.lookAgain ? delayMs(resendMs) : null;
      delays.set(operationKey(effect.operation), { dueMs, sendMs: lookMs === null ? dueMs : Math.min(lookMs, dueMs ?? lookMs) });
    }
  }
  return delays;
}

/** One operation more is asked for by itself. */
function dependentsOfActions(plan: Plan, added: readonly Operation[]): ReadonlyMap<number, readonly number[]> {
  const [only, ...others] = added.filter(({ direction }) => direction === 'action');
  if (only === undefined) return new Map();
  return others.length === 0 ? new Map([[only.step, dependentsOf(plan, only.step)]]) : dependentsByStep(plan);
}
