import { keyOf, policyOf } from '../../core/draft';
import type { DispatchEffect, SagaEffect } from '../../core/effect';
import { isSettled, operationKey, type Operation, type OperationKey } from '../../core/operation';
import { dependentsOf, type Plan } from '../../core/plan';
import { attemptLimit } from '../../core/retry-policy';
import { delayMs } from './sql';

/** An operation as a statement gets it: one element of a JSON array, whose fields are the columns below. */
export type OperationRecord = Readonly<Record<string, unknown>>;

/** The type of those elements. */
export const OPERATION_RECORD = `(
  direction text, step int, round int, key text, state text, waits int, ord bigint, fence bigint, fence_before bigint, claim_id text,
  claims int, losses int, blamed int, attempt_limit int, loss_limit int, had_unknown boolean, timed_out boolean, alone boolean, verifying boolean, action_outcome text, late_fence bigint,
  dependents int[], error jsonb, output jsonb, has_output boolean, due_ms float8, send_ms float8, settled boolean)`;

export interface Recording {
  readonly plan: Plan;
  readonly effects: readonly SagaEffect[];
  readonly resendMs: number;
}

/** Operations that a decision added, whole. */
export function newRecords(added: readonly Operation[], recording: Recording): readonly OperationRecord[] {
  const dependents = dependentsByStep(recording.plan, added);
  return changedRecords(added, new Map(), recording).map((record, place) => {
    const operation = added[place] as Operation;
    return {
      ...record,
      key: keyOf(recording.plan, operation),
      action_outcome: operation.actionOutcome,
      dependents: operation.direction === 'action' ? (dependents.get(operation.step) ?? []) : null,
    };
  });
}

/** Operations that a decision changed: what may change of one. */
export function changedRecords(
  changed: readonly Operation[],
  before: ReadonlyMap<OperationKey, Operation>,
  { plan, effects, resendMs }: Recording,
): readonly OperationRecord[] {
  const delays = delaysOf(effects);
  return changed.map((operation) => {
    const inMs = delays.get(operationKey(operation));
    const policy = policyOf(plan, operation);
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
      attempt_limit: attemptLimit(policy.retry),
      loss_limit: policy.losses,
      had_unknown: operation.hadUnknown,
      timed_out: operation.timedOut,
      alone: operation.alone,
      verifying: operation.verifying,
      late_fence: operation.lateFence,
      error: operation.error,
      output: operation.output ?? null,
      has_output: operation.output !== undefined,
      due_ms: inMs === undefined || inMs === 0 ? null : inMs,
      send_ms: inMs === undefined ? null : inMs === 0 ? delayMs(resendMs) : inMs,
      settled: isSettled(operation),
    };
  });
}

/** Milliseconds until the first thing that these effects ask for is due; null when they ask for nothing. */
export function earliestMs({ effects, resendMs }: Omit<Recording, 'plan'>): number | null {
  const delays = [...delaysOf(effects).values()].map((inMs) => (inMs === 0 ? delayMs(resendMs) : inMs));
  return delays.length === 0 ? null : Math.min(...delays);
}

function delaysOf(effects: readonly SagaEffect[]): ReadonlyMap<OperationKey, number> {
  const dispatches = effects.filter((effect): effect is DispatchEffect => effect.type === 'dispatch');
  return new Map(dispatches.map((effect) => [operationKey(effect.operation), delayMs(effect.inMs)]));
}

/** All at once when the saga starts: asking the plan for each step again would make ten thousand steps a hundred million looks. */
function dependentsByStep(plan: Plan, added: readonly Operation[]): ReadonlyMap<number, readonly number[]> {
  const [only, ...others] = added;
  if (only === undefined) return new Map();
  if (others.length === 0) return new Map([[only.step, dependentsOf(plan, only.step)]]);
  const dependents = new Map<number, number[]>();
  plan.steps.forEach((step, place) => {
    for (const other of step.dependsOn) {
      const known = dependents.get(other);
      if (known === undefined) dependents.set(other, [place]);
      else known.push(place);
    }
  });
  return dependents;
}
