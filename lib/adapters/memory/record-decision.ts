import type { SagaEffect } from '../../core/effect';
import { isSettled, type Operation } from '../../core/operation';
import { isTerminal, withoutOutputs, type SagaValue } from '../../core/saga-value';
import { setTimes, type SagaRecord } from './saga-record';

/** Writes a decision into a record: what PostgreSQL does in one statement. */
export function recordDecision(record: SagaRecord, saga: SagaValue, effects: readonly SagaEffect[], now: number, resendMs: number): void {
  const before = record.saga.operations;
  for (const [key, operation] of saga.operations) {
    const previous = before.get(key);
    if (previous === operation) continue;
    if (operation.output !== undefined && operation.direction === 'action')
      record.outputs.set(operation.step, structuredClone(operation.output));
    recordTimes(record, previous, operation, now);
  }
  for (const effect of effects) {
    if (effect.type === 'dispatch') {
      const dueAt = effect.inMs > 0 ? now + effect.inMs : null;
      setTimes(record, effect.operation, { dueAt, sendAt: dueAt ?? now + resendMs, resends: 0 });
    }
    if (effect.type === 'wait') {
      const dueAt = effect.endsInMs === null ? null : now + effect.endsInMs;
      const lookAt = effect.lookAgain ? now + resendMs : null;
      setTimes(record, effect.operation, { dueAt, sendAt: lookAt === null ? dueAt : Math.min(lookAt, dueAt ?? lookAt), resends: 0 });
    }
    if (effect.type === 'context') record.laidOver = { ...record.laidOver, ...structuredClone(effect.patch) };
    if (effect.type === 'record') {
      const { step, error, ...entry } = effect.entry;
      const name = step === null ? null : (record.plan.steps[step]?.name ?? null);
      record.history.push({ ...entry, error, step: name, rev: saga.rev, at: new Date(now) });
    }
  }
  record.saga = withoutOutputs(saga);
  record.updatedAt = now;
  if (isTerminal(saga.state)) record.completedAt ??= now;
}

function recordTimes(record: SagaRecord, previous: Operation | undefined, operation: Operation, now: number): void {
  if (previous?.state === 'running' && operation.state !== 'running') setTimes(record, operation, { leaseUntil: null, settledAt: now });
  if (isSettled(operation) || operation.state === 'running') setTimes(record, operation, { dueAt: null, sendAt: null });
}
