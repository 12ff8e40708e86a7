import type { Json, JsonObject } from '../core/json';
import type { OperationKey } from '../core/operation';
import type { Plan } from '../core/plan';
import type { StoredReference } from '../core/reference';
import type { SagaState, SagaValue } from '../core/saga-value';
import type { PausedAction } from './paused-action';

export interface StoredSaga {
  readonly plan: Plan;
  /** Whole. */
  readonly saga: SagaValue;
  readonly context: Json;
  readonly laidOver: JsonObject | null;
  readonly metadata: Json;
  readonly businessKey: string | null;
  /** One a step, in the order of the plan. */
  readonly steps: readonly StoredStep[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** When it reached a terminal state. */
  readonly completedAt: Date | null;
}

export interface StoredStep {
  readonly stepId: string;
  readonly input: Json;
  readonly references: readonly StoredReference[];
  readonly output: Json;
  /** When the last attempt of its action ended. */
  readonly executedAt: Date | null;
}

export interface SagaGlance extends Pick<SagaValue, 'state' | 'rev' | 'openActions' | 'openUndos'> {
  /** Place in the plan of the step that the last change was about; null: about none. */
  readonly step: number | null;
}

export interface StoredHistoryEntry {
  readonly rev: number;
  readonly at: Date;
  readonly kind: string;
  readonly state: SagaState;
  readonly step: string | null;
  readonly direction: 'action' | 'undo' | null;
  readonly round: number | null;
  readonly fence: number | null;
  readonly attempt: number | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Times are milliseconds from now, by the store's clock; what is over is negative. */
export interface InspectedSaga {
  readonly stored: StoredSaga;
  /** Those that have not settled. */
  readonly operations: ReadonlyMap<OperationKey, InspectedOperation>;
  readonly deadlineInMs: number | null;
  /** Of the actions that this saga has. */
  readonly pausedActions: readonly PausedAction[];
}

export interface InspectedOperation {
  /** Between two attempts: until the next one may begin. */
  readonly dueInMs: number | null;
  /** Until its wake-up is sent again. */
  readonly sendInMs: number | null;
  /** How often it has been sent again. */
  readonly resends: number;
  /** While it runs: until its lease ends. */
  readonly leaseInMs: number | null;
  /** While it runs: the process. */
  readonly worker: string | null;
}
