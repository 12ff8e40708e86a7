import type { Json, JsonObject } from './json';
import type { OperationRef, StepFailure, Wait } from './operation';

/** Everything that can happen to a saga. Times never come in: whoever holds the clock says what is due. */
export type SagaEvent =
  | ClaimEvent
  | ReleasedEvent
  | CompletedEvent
  | FailedEvent
  | VerifiedEvent
  | LostEvent
  | LeaseExpiredEvent
  | SkippedEvent
  | SuspendedEvent
  | AdmittedEvent
  | CalledBackEvent
  | WaitOverEvent
  | WokenEvent
  | DeadlineEvent
  | ReportedEvent
  | SagaOrder
  | StepOrder;

export type SagaEventType = SagaEvent['type'];

/** A worker wants to run an operation. */
export interface ClaimEvent {
  readonly type: 'claim';
  readonly operation: OperationRef;
  readonly claimId: string;
  /** The operation's time has come, by the store's clock. Asked of a retrying one only. */
  readonly due: boolean;
  /** The saga's deadline has passed, by the store's clock. Default: false. */
  readonly pastDeadline?: boolean;
  /** Somebody paused this action everywhere. Default: false. */
  readonly actionPaused?: boolean;
  /** The worker's process has a `@Verify` handler for this action. Default: true. */
  readonly canVerify?: boolean;
  /** An operation that was lost more often than this is refused. Default: none. */
  readonly maxLosses?: number;
  /** Keys of the `@SagaCondition` methods that the worker's process has. Default: whichever is needed. */
  readonly conditions?: readonly string[];
  /** The worker's process runs nothing else until this attempt is over. Default: false. */
  readonly alone?: boolean;
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
  /** The saga ends here, early and well: what has not begun is skipped. Default: false. */
  readonly finishes?: boolean;
  /** What later handlers see in their context, by its names. Default: nothing new. */
  readonly contextPatch?: JsonObject;
}

export interface TakenSignal {
  readonly name: string;
  readonly signalId: string;
}

/** The handler, or a condition, says that there is nothing to do. */
export interface SkippedEvent extends OfClaim {
  readonly type: 'skipped';
  readonly reason: string;
  /** Its condition does not hold and never did: no attempt has run the handler. Default: false. */
  readonly neverRan?: boolean;
  readonly contextPatch?: JsonObject;
}

/** The handler has returned, and somebody else will end its operation. */
export interface SuspendedEvent extends OfClaim {
  readonly type: 'suspended';
  readonly wait: Wait;
  /** null: for as long as it takes. */
  readonly timeoutMs: number | null;
  readonly contextPatch?: JsonObject;
}

/** The `@SagaCondition` of the step said yes: it is not asked again. The attempt goes on. */
export interface AdmittedEvent extends OfClaim {
  readonly type: 'admitted';
}

/** Whoever an operation waits for says how it ended: the first word counts, also when it comes before the wait has begun. */
export interface CalledBackEvent {
  readonly type: 'called-back';
  readonly operation: OperationRef;
  /** It was waited for by this name, and nobody else may take it. Left out: somebody has the token of the operation. */
  readonly takes?: TakenSignal;
  readonly result: { readonly kind: 'completed'; readonly output: Json } | { readonly kind: 'failed'; readonly error: StepFailure };
}

/** A wait has lasted as long as it may. */
export interface WaitOverEvent {
  readonly type: 'wait-over';
  readonly operation: OperationRef;
  /** Of the attempt that began to wait. */
  readonly fence: number;
  readonly elapsedMs?: number;
  readonly seed: number;
}

/** What an operation waits for may have come: its handler looks again. The attempt does not count. */
export interface WokenEvent {
  readonly type: 'woken';
  readonly operation: OperationRef;
}

export interface FailedEvent extends OfClaim {
  readonly type: 'failed';
  readonly error: StepFailure;
  /** `unknown`: the effect may have happened all the same. */
  readonly outcome: 'failed' | 'unknown';
  readonly retryable: boolean | undefined;
  readonly retryAfterMs: number | undefined;
  /** Since the first attempt began, by the store's clock. Default: 0. */
  readonly elapsedMs?: number;
  /** Uniform in [0, 1), for the jitter. */
  readonly seed: number;
}

/** How a handler that has returned may end its attempt. */
export type ConcludedEvent = CompletedEvent | SkippedEvent | SuspendedEvent;

/** What a `@Verify` handler found out about an action. */
export interface VerifiedEvent extends OfClaim {
  readonly type: 'verified';
  readonly found: { readonly kind: 'done'; readonly output: Json } | { readonly kind: 'not-done' } | { readonly kind: 'unknown' };
  readonly elapsedMs?: number;
  readonly seed: number;
}

/** The attempt's own process says that what it ran on broke, and that nothing of it took effect. */
export interface LostEvent extends OfClaim {
  readonly type: 'lost';
  readonly error: StepFailure;
  readonly seed: number;
}

/** The lease and the grace after it ended without a report. */
export interface LeaseExpiredEvent extends OfClaim {
  readonly type: 'lease-expired';
  readonly elapsedMs?: number;
  readonly seed: number;
}

/** The saga's own deadline has passed. */
export interface DeadlineEvent {
  readonly type: 'deadline';
}

/** A person's word about a whole saga. */
export interface SagaOrder {
  /**
   * `compensate`: undo what was done; on a stuck saga, try the undo again. `cancel`: the same, but only for one that goes forward.
   * `terminate`: end it as it is. `pause`: claim nothing more; `resume`: go on. `acknowledge`: somebody has seen what raised attention.
   */
  readonly type: 'compensate' | 'cancel' | 'terminate' | 'pause' | 'resume' | 'acknowledge';
  readonly reason: string | null;
  readonly actor: string | null;
}

/** A person's word about one step. */
export interface StepOrder {
  /** `retry-step`: do not wait for its time, or try again what was given up. `skip-step`: go on without it. */
  readonly type: 'retry-step' | 'skip-step';
  readonly step: number;
  readonly reason: string | null;
  readonly actor: string | null;
}

/** Somebody other than the worker knows how an operation ended. */
export interface ReportedEvent {
  readonly type: 'reported';
  /** Of an undo, the round is left to the saga: the one that is tried or was given up, else the last. */
  readonly operation: OperationRef;
  readonly result: { readonly kind: 'completed'; readonly output: Json } | { readonly kind: 'failed'; readonly error: StepFailure };
  readonly reason?: string | null;
  readonly actor: string | null;
}
