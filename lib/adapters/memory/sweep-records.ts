import { keyOf } from '../../core/draft';
import type { Operation } from '../../core/operation';
import type { DueWait, DueWakeUp, ExpiredLease, SweepRequest, SweepResult } from '../../ports/sweep';
import { setTimes, timesOf, type SagaRecord } from './saga-record';

/** Finds what is due among the records and pushes back the time at which it will be found again. */
export function sweepRecords(
  records: readonly SagaRecord[],
  request: SweepRequest,
  now: number,
  isPaused: (action: string) => boolean,
): SweepResult {
  const wakeUps: DueWakeUp[] = [];
  const expired: ExpiredLease[] = [];
  const waits: DueWait[] = [];
  const deadlines: string[] = [];
  let next = Infinity;
  const found = new Set<string>();
  for (const record of records) {
    if (found.size >= request.limit) {
      next = now;
      break;
    }
    for (const operation of record.saga.operations.values()) {
      if (record.saga.paused && operation.state !== 'running') continue;
      const at = foundAt(record, operation, request.graceMs);
      if (at > now) {
        next = Math.min(next, at);
      } else if (operation.state === 'running') {
        found.add(record.saga.id);
        expired.push(expiredLease(record, operation, now));
        next = Math.min(next, now + request.resendMs);
      } else if (operation.state === 'waiting') {
        found.add(record.saga.id);
        waits.push(...dueWait(record, operation, now));
        next = Math.min(next, pushBack(record, operation, request, now));
      } else {
        found.add(record.saga.id);
        const wakeUp = dueWakeUp(record, operation);
        if (operation.direction === 'undo' || operation.verifying || !isPaused(wakeUp.key)) wakeUps.push(wakeUp);
        next = Math.min(next, pushBack(record, operation, request, now));
      }
    }
    if (record.deadlineAt === null || record.saga.state !== 'started' || record.saga.turning !== null || record.saga.paused) continue;
    const at = Math.max(record.deadlineAt, record.deadlineResentAt);
    if (at <= now) {
      deadlines.push(record.saga.id);
      record.deadlineResentAt = now + request.resendMs;
    }
    next = Math.min(next, at <= now ? record.deadlineResentAt : at);
  }
  return { wakeUps, expired, waits, deadlines, nextInMs: next === Infinity ? null : Math.max(0, next - now) };
}

function foundAt(record: SagaRecord, operation: Operation, graceMs: number): number {
  const { sendAt, leaseUntil } = timesOf(record, operation);
  if (operation.state === 'running') return leaseUntil === null ? Infinity : leaseUntil + graceMs;
  if (operation.state === 'started' || operation.state === 'retrying' || operation.state === 'waiting') return sendAt ?? Infinity;
  return Infinity;
}

function pushBack(record: SagaRecord, operation: Operation, { resendMs, resendMaxMs }: SweepRequest, now: number): number {
  const { resends, dueAt } = timesOf(record, operation);
  const backoff = now + Math.min(resendMaxMs, resendMs * 2 ** resends);
  const sendAt = operation.state === 'waiting' && dueAt !== null && dueAt > now ? Math.min(dueAt, backoff) : backoff;
  setTimes(record, operation, { sendAt, resends: resends + 1 });
  return sendAt;
}

function dueWakeUp(record: SagaRecord, { step, direction, round }: Operation): DueWakeUp {
  const operation = { step, direction, round };
  return { sagaId: record.saga.id, operation, key: keyOf(record.plan, operation), resends: timesOf(record, operation).resends };
}

function dueWait(record: SagaRecord, { step, direction, round, fence, wait }: Operation, now: number): readonly DueWait[] {
  const operation = { step, direction, round };
  const { dueAt, firstAt } = timesOf(record, operation);
  if (wait === null) return [];
  return [{ sagaId: record.saga.id, operation, fence, wait, isOver: dueAt !== null && dueAt <= now, elapsedMs: now - (firstAt ?? now) }];
}

function expiredLease(record: SagaRecord, { step, direction, round, fence, claimId }: Operation, now: number): ExpiredLease {
  const { firstAt } = timesOf(record, { step, direction, round });
  return {
    sagaId: record.saga.id,
    operation: { step, direction, round },
    fence,
    claimId: claimId ?? '',
    elapsedMs: now - (firstAt ?? now),
  };
}
