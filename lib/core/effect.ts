import type { SagaEventType } from './event';
import type { JsonObject } from './json';
import type { Direction, OperationRef, StepFailure } from './operation';
import type { SagaState } from './saga-value';

/** What a decision asks the shell to do. Delays, never instants: the store's clock turns them into times. */
export type SagaEffect = DispatchEffect | WaitEffect | ContextEffect | AbortEffect | EndedEffect | AttentionEffect | RecordEffect;

/** Send a wake-up for an operation that may now be claimed, at once or after a delay. */
export interface DispatchEffect {
  readonly type: 'dispatch';
  readonly operation: OperationRef;
  /** The handler's key: `orders.create`, or of an undo `orders.delete`. */
  readonly key: string;
  readonly inMs: number;
}

/** Look after an operation that waits: when its time is over, and meanwhile now and then if nobody may come to say that it is. */
export interface WaitEffect {
  readonly type: 'wait';
  readonly operation: OperationRef;
  /** null: for as long as it takes. */
  readonly endsInMs: number | null;
  readonly lookAgain: boolean;
}

/** Later handlers see these names in their context. */
export interface ContextEffect {
  readonly type: 'context';
  readonly patch: JsonObject;
}

/** The saga turned back while this operation runs: tell its handler. */
export interface AbortEffect {
  readonly type: 'abort';
  readonly operation: OperationRef;
}

/** The saga reached a state on which waiters return. */
export interface EndedEffect {
  readonly type: 'ended';
  readonly state: SagaState;
}

/** A person should look at the saga, or need not any more. */
export interface AttentionEffect {
  readonly type: 'attention';
  readonly raised: boolean;
}

/** One row of history; every moved event asks for exactly one. */
export interface RecordEffect {
  readonly type: 'record';
  readonly entry: HistoryEntry;
}

export interface HistoryEntry {
  readonly kind: SagaEventType | 'start' | 'late';
  /** The saga's state after the event. */
  readonly state: SagaState;
  /** Its place in the plan. */
  readonly step: number | null;
  readonly direction: Direction | null;
  readonly round: number | null;
  readonly fence: number | null;
  readonly attempt: number | null;
  readonly actor: string | null;
  readonly reason: string | null;
  readonly error: StepFailure | null;
}
