import type { OperationRef, Wait } from '../core/operation';

export interface SweepRequest {
  /** At most this many sagas. */
  readonly limit: number;
  readonly graceMs: number;
  /** First delay before a wake-up is sent again; it doubles each time up to `resendMaxMs`. */
  readonly resendMs: number;
  readonly resendMaxMs: number;
}

export interface SweepResult {
  readonly wakeUps: readonly DueWakeUp[];
  readonly expired: readonly ExpiredLease[];
  /** Operations that wait, and have to be looked after. */
  readonly waits: readonly DueWait[];
  /** Sagas whose deadline has passed and that still go forward. */
  readonly deadlines: readonly string[];
  /** Milliseconds until something else may be due; null when nothing is waiting. */
  readonly nextInMs: number | null;
}

export interface DueWakeUp {
  readonly sagaId: string;
  readonly operation: OperationRef;
  readonly key: string;
  /** How often the sweeper has found it due before. */
  readonly resends: number;
}

export interface DueWait {
  readonly sagaId: string;
  readonly operation: OperationRef;
  readonly fence: number;
  readonly wait: Wait;
  /** It has lasted as long as it may. False: it is time to see whether what it waits for has come. */
  readonly isOver: boolean;
  /** Since the first attempt began. */
  readonly elapsedMs: number;
}

export interface ExpiredLease {
  readonly sagaId: string;
  readonly operation: OperationRef;
  readonly fence: number;
  readonly claimId: string;
  /** Since the first attempt began. */
  readonly elapsedMs: number;
}
