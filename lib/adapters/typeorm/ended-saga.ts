import type { JsonObject } from '../../core/json';
import type { Plan } from '../../core/plan';
import { withoutOutputs, type SagaValue } from '../../core/saga-value';
import type { Claim } from '../../ports/claim';
import type { StoredSaga } from '../../ports/stored-saga';
import type { AppliedRow } from './apply.statement';
import { movedOn, type Executed } from './next-claim';

export interface LastMove {
  readonly plan: Plan;
  /** Whole. */
  readonly after: SagaValue;
  readonly patch: JsonObject | null;
  readonly executed: Executed | null;
}

/**
 * A saga that has ended where it was started, as a read would find it: nobody else has moved it, or its `rev` would have been another and
 * nothing written. Null when this process does not know all of it.
 */
export function endedSaga(before: Claim, { plan, after, patch, executed }: LastMove, row: AppliedRow): StoredSaga | null {
  if (before.ahead === undefined || !after.whole) return null;
  const { steps, outputs, executedAt, businessKey } = movedOn(before.ahead, executed, row);
  const { context, metadata, laidOver, createdAt } = before;
  return {
    plan,
    saga: withoutOutputs(after),
    context,
    laidOver: patch === null ? laidOver : { ...laidOver, ...patch },
    metadata,
    businessKey,
    steps: steps.map(({ stepId, input, references }, place) => {
      return { stepId, input, references, output: outputs.get(place) ?? null, executedAt: executedAt.get(place) ?? null };
    }),
    createdAt,
    updatedAt: new Date(row.at),
    completedAt: row.completed_at === null ? null : new Date(row.completed_at),
  };
}
