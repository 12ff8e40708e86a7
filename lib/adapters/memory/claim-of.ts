import { SagaInvariantError } from '../../errors';
import type { OperationRef } from '../../core/operation';
import { operationOf } from '../../core/saga-value';
import type { Claim } from '../../ports/claim';
import { outputsOf } from './outputs-of';
import type { SagaRecord } from './saga-record';

/** What a worker gets with its claim: copies of the one operation's data, and the saga to decide from. */
export function claimOf(record: SagaRecord, ref: OperationRef, claimId: string, elapsedMs: number): Claim {
  const operation = operationOf(record.saga, ref);
  const step = record.steps[ref.step];
  if (operation === undefined || step === undefined)
    throw new SagaInvariantError(`claimed step ${ref.step} of ${record.saga.id} does not exist`);
  const outputs = outputsOf(
    record,
    step.references.flatMap(({ step: place }) => (place === null ? [] : [place])),
  );
  const actionOutput = operation.actionOutcome === 'completed' ? (record.outputs.get(ref.step) ?? null) : undefined;
  return structuredClone({
    sagaId: record.saga.id,
    claimId,
    operation,
    stepId: step.stepId,
    input: step.input,
    references: step.references,
    outputs,
    context: record.context,
    laidOver: record.laidOver,
    metadata: record.metadata,
    actionOutput,
    createdAt: new Date(record.createdAt),
    elapsedMs,
    basis: { plan: record.plan, saga: record.saga },
  });
}
