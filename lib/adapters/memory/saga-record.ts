import type { Json, JsonObject } from '../../core/json';
import { operationKey, type Operation, type OperationKey } from '../../core/operation';
import type { Plan } from '../../core/plan';
import type { SagaValue } from '../../core/saga-value';
import type { NewStep } from '../../ports/claim';
import type { StoredHistoryEntry } from '../../ports/stored-saga';

/** One saga as the in-memory store keeps it. Times in milliseconds of the store's clock. */
export interface SagaRecord {
  readonly seq: number;
  readonly plan: Plan;
  saga: SagaValue;
  readonly steps: readonly NewStep[];
  readonly outputs: Map<number, Json>;
  readonly times: Map<OperationKey, OperationTimes>;
  readonly context: Json;
  /** What `setContext()` has laid over the context. */
  laidOver: JsonObject | null;
  readonly metadata: Json;
  readonly businessKey: string | null;
  readonly deadlineAt: number | null;
  deadlineResentAt: number;
  readonly createdAt: number;
  updatedAt: number;
  completedAt: number | null;
  readonly history: StoredHistoryEntry[];
}

export interface OperationTimes {
  /** A retrying operation may be claimed from here on; a waiting one has waited as long as it may. */
  readonly dueAt: number | null;
  /** When its wake-up is to be sent again, or it is time to see what it waits for. */
  readonly sendAt: number | null;
  readonly resends: number;
  /** When the first attempt began. */
  readonly firstAt: number | null;
  readonly leaseUntil: number | null;
  readonly settledAt: number | null;
  /** The process that claimed it last. */
  readonly worker: string | null;
}

const NO_TIMES: OperationTimes = { dueAt: null, sendAt: null, resends: 0, firstAt: null, leaseUntil: null, settledAt: null, worker: null };

export function timesOf(record: SagaRecord, operation: Pick<Operation, 'direction' | 'step' | 'round'>): OperationTimes {
  return record.times.get(operationKey(operation)) ?? NO_TIMES;
}

export function setTimes(
  record: SagaRecord,
  operation: Pick<Operation, 'direction' | 'step' | 'round'>,
  change: Partial<OperationTimes>,
): void {
  record.times.set(operationKey(operation), { ...timesOf(record, operation), ...change });
}
