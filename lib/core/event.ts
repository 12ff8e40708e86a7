import type { Json } from './json';
import type { OperationRef, StepFailure } from './operation';

/** Everything that can happen to a saga. Times never come in: whoever holds the clock says what is due. */
export type SagaEvent =
  ClaimEvent | ReleasedEvent | CompletedEvent | FailedEvent | LeaseExpiredEvent | DeadlineEvent | CompensateEvent | ReportedEvent;

export type SagaEventType = SagaEvent['type'];

/** A worker wants to run an operation. */
export interface ClaimEvent {
  readonly type: 'claim';
  readonly operation: OperationRef;
  readonly claimId: string;
  /** The operation's time has come, by the store's clock. Asked of a retrying one only. */
  readonly due: boolean;
}

/** Says which claim a report belongs to; any other is stale. */
interface OfClaim {
  readonly operation: OperationRef;
  readonly fence: number;
  readonly claimId: string;
}

/** A claim is given back; the attempt does not count. */
export interface ReleasedEvent extends OfClaim {
  readonly type: 'released';
  /** User code ran and was interrupted by the shutdown of its process: its effect may have happened. */
  readonly interrupted: boolean;
}

export interface CompletedEvent extends OfClaim {
  readonly type: 'completed';
  readonly output: Json;
}

export interface FailedEvent extends OfClaim {
  readonly type: 'failed';
  readonly error: StepFailure;
  /** `unknown`: the effect may have happened all the same. */
  readonly outcome: 'failed' | 'unknown';
  readonly retryable: boolean | undefined;
  readonly retryAfterMs: number | undefined;
  /** Uniform in [0, 1), for the jitter. */
  readonly seed: number;
}

/** The lease and the grace after it ended without a report. */
export interface LeaseExpiredEvent extends OfClaim {
  readonly type: 'lease-expired';
  readonly seed: number;
}

/** The saga's own deadline has passed. */
export interface DeadlineEvent {
  readonly type: 'deadline';
}

/** Somebody asks that what was done be undone; on a stuck saga: that the undo be tried again. */
export interface CompensateEvent {
  readonly type: 'compensate';
  readonly reason: string | null;
  readonly actor: string | null;
}

/** Somebody other than the worker knows how an operation ended. */
export interface ReportedEvent {
  readonly type: 'reported';
  /** Of an undo, the last round is meant. */
  readonly operation: OperationRef;
  readonly result: { readonly kind: 'completed'; readonly output: Json } | { readonly kind: 'failed'; readonly error: StepFailure };
  readonly actor: string | null;
}
