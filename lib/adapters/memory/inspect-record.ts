import { keyOf } from '../../core/draft';
import { isSettled, operationKey, type Operation, type OperationKey } from '../../core/operation';
import type { PausedAction } from '../../ports/paused-action';
import type { InspectedOperation, InspectedSaga, StoredSaga } from '../../ports/stored-saga';
import { setTimes, timesOf, type SagaRecord } from './saga-record';

/** Everything that says what happens to a saga next. */
export function inspectedSaga(record: SagaRecord, stored: StoredSaga, pauses: readonly PausedAction[], now: number): InspectedSaga {
  const actions = new Set(record.plan.steps.map(({ action }) => action));
  const open = [...record.saga.operations.values()].filter((operation) => !isSettled(operation));
  return {
    stored,
    operations: new Map(open.map((operation) => inspected(record, operation, now))),
    deadlineInMs: fromNow(record.deadlineAt, now),
    pausedActions: pauses.filter(({ action }) => actions.has(action)),
  };
}

function inspected(record: SagaRecord, operation: Operation, now: number): [OperationKey, InspectedOperation] {
  const { dueAt, sendAt, leaseUntil, worker, resends } = timesOf(record, operation);
  const isRunning = operation.state === 'running';
  return [
    operationKey(operation),
    {
      dueInMs: fromNow(dueAt, now),
      sendInMs: fromNow(sendAt, now),
      resends,
      leaseInMs: isRunning ? fromNow(leaseUntil, now) : null,
      worker: isRunning ? worker : null,
    },
  ];
}

function fromNow(at: number | null, now: number): number | null {
  return at === null ? null : at - now;
}

/** Makes what waits for these handlers due at once; what has a time of its own keeps it. */
export function rouseRecord(record: SagaRecord, keys: readonly string[], now: number): void {
  for (const operation of record.saga.operations.values()) {
    if (operation.state !== 'started' && operation.state !== 'retrying') continue;
    if (!keys.includes(keyOf(record.plan, operation)) && !keys.includes(operation.condition ?? '')) continue;
    const { dueAt, sendAt } = timesOf(record, operation);
    const earliest = Math.max(now, dueAt ?? now);
    if (sendAt !== null && sendAt > earliest) setTimes(record, operation, { sendAt: earliest, resends: 0 });
  }
}
