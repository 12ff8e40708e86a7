import type { Decision, IgnoredReason } from '../core/decision';
import type { SagaEffect } from '../core/effect';
import type { ConcludedEvent, SagaEvent } from '../core/event';
import type { OperationRef } from '../core/operation';
import type { Isolation, Plan } from '../core/plan';
import type { SagaState, SagaValue } from '../core/saga-value';
import type { Basis, ChainOffer, Claim } from './claim';
import type { StoredSaga } from './stored-saga';

export type Decide = (plan: Plan, saga: SagaValue, event: SagaEvent) => Decision;

export interface ApplyRequest {
  readonly sagaId: string;
  readonly event: SagaEvent;
  /** Spares the store a read. Left out, or stale: the store reads. */
  readonly basis?: Basis;
  readonly resendMs: number;
  /** A lease is only taken when it ended this long ago. Needed for `lease-expired`. */
  readonly graceMs?: number;
  /** Who would go on with what this sets free, and the claim that the event reports on. Default: nobody. */
  readonly chain?: ChainOffer & { readonly after: Claim };
}

export type ApplyResult =
  /**
   * `next`: what was claimed besides; `saga` and `effects` are those of both. `ended`: the saga as a read would find it, if that was its
   * end and the store knows all of it. It spares whoever waits a read.
   */
  | {
      readonly kind: 'applied';
      readonly plan: Plan;
      readonly saga: SagaValue;
      readonly effects: readonly SagaEffect[];
      readonly next?: Claim;
      readonly ended?: StoredSaga;
    }
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason | 'lease-renewed'; readonly state: SagaState }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed'; readonly error: Error };

export interface TransactRequest {
  readonly sagaId: string;
  /** The claim that the transaction is for. */
  readonly claim: Pick<Heartbeat, 'operation' | 'fence' | 'claimId'>;
  readonly basis: Basis;
  readonly resendMs: number;
  /**
   * Left out: READ COMMITTED. Above it whatever else writes the saga's rows costs the whole transaction, so the store extends the lease
   * to all the time there is before it begins, and no heartbeat comes meanwhile.
   */
  readonly isolation?: Isolation;
  /** After this and the grace the attempt is given up; the server may end the transaction then. */
  readonly timeoutMs: number;
  readonly graceMs: number;
  /** The attempt is given up: whatever the user's code still does, its transaction must not commit. */
  readonly abandon: AbortSignal;
  /**
   * The user's code, given the transaction in the adapter's own terms (TypeORM: an EntityManager), and how the attempt then ended. Run
   * again when the database rolled back what it did for the sake of another transaction.
   */
  readonly work: (manager: unknown) => Promise<ConcludedEvent>;
  /** Called before the outcome is written. Resolves when no heartbeat of the claim is under way any more; until `work` runs again none begins. */
  readonly calm: () => Promise<void>;
  /** Told of statements that came when their transaction was over, and were not run. */
  readonly onStray: (error: Error) => void;
}

/** `applied` is committed; anything else was rolled back, unless it says `unknown`. */
export type TransactResult =
  | Exclude<ApplyResult, { readonly kind: 'failed' }>
  /** By the user's code, or by a constraint that PostgreSQL checks at the end of a transaction. */
  | { readonly kind: 'threw'; readonly thrown: unknown }
  /** The user's code did with its transaction what must not be done. `unknown`: it may have been committed all the same. */
  | { readonly kind: 'misused'; readonly error: Error; readonly outcome: 'failed' | 'unknown'; readonly retryable: boolean | undefined }
  | { readonly kind: 'abandoned' }
  /** What it ran on broke. Also when nobody can say so at this moment: then the saga's row will refuse the report. */
  | { readonly kind: 'lost'; readonly error: Error };

export interface Heartbeat {
  readonly sagaId: string;
  readonly operation: OperationRef;
  readonly fence: number;
  readonly claimId: string;
  readonly leaseMs: number;
  /** The attempt reached its timeout: this is its last beat, and its lease ends now. */
  readonly timedOut: boolean;
}

export interface HeartbeatResult {
  /** The claim is still this worker's. */
  readonly held: boolean;
  /** The saga still goes this operation's way; false asks the handler to stop. */
  readonly wanted: boolean;
}
