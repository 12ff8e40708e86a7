import type { Decision, IgnoredReason } from '../core/decision';
import type { SagaEffect } from '../core/effect';
import type { ConcludedEvent, SagaEvent } from '../core/event';
import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { Json, JsonObject } from '../core/json';
import type { OperationRef, Wait } from '../core/operation';
import type { Isolation, Plan } from '../core/plan';
import type { SagaState, SagaValue } from '../core/saga-value';
import type { Basis, ChainOffer, ChainedClaim, Claim, ClaimRequest, ClaimResult, NewStep } from './claim';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from './outbox-event';
import type { AddSignalResult, SagaMessage, StoredSecret } from './saga-signal';
import type { InspectedSaga, SagaGlance, StoredHistoryEntry, StoredSaga } from './stored-saga';
import type { OrderedBy, PausedAction } from './paused-action';

/**
 * Where sagas live. The store owns the clock: it turns the delays of effects into times and says what is due. Whatever changes a
 * saga goes through `start`, `claim` or `apply`, and so through `transition`; a store never decides by itself.
 *
 * Every adapter passes the contract suite in `nest-saga/testing`.
 */
export interface SagaStore {
  /** One phrase for the boot log: `PostgreSQL schema "saga"`. Never credentials. */
  readonly description: string;

  /** @throws SagaSchemaError when the tables are missing or too old */
  open(): Promise<void>;
  close(): Promise<void>;

  /** Stores a new saga whole, or says which one its business key already started. */
  start(request: StartRequest): Promise<StartResult>;

  /** Takes one operation for a worker: counts the attempt, raises the fence, sets the lease. Only ever by the rule of `transition`. */
  claim(request: ClaimRequest): Promise<ClaimResult>;

  /**
   * Decides each event from the saga's state and applies the decision, or nothing. `decide` is pure and may be called again with
   * fresher state; no lock is held meanwhile. One result for each request, in order.
   */
  apply(requests: readonly ApplyRequest[], decide: Decide): Promise<readonly ApplyResult[]>;

  /**
   * Runs user code in a transaction of the application's own, and commits what it did together with what that means for its saga:
   * both, or neither. Left out by a store that cannot share a transaction with its application.
   */
  transact?(request: TransactRequest, decide: Decide): Promise<TransactResult>;

  /** Extends leases. A lease that has passed is not extended. One result for each beat, in order. */
  heartbeat(beats: readonly Heartbeat[]): Promise<readonly HeartbeatResult[]>;

  /** Finds what is due, pushes back the time at which it will be found again, and says when to look next. */
  sweep(request: SweepRequest): Promise<SweepResult>;

  find(sagaId: string): Promise<StoredSaga | null>;
  /** What the actions of these steps have returned, by their places; of those that have completed. */
  outputs(sagaId: string, steps: readonly number[]): Promise<ReadonlyMap<number, Json>>;
  /** Newest first, by the store's clock. */
  list(query: SagaQuery): Promise<readonly StoredSaga[]>;
  /** The states of those sagas that exist. */
  states(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaState>>;
  /** How far those sagas are that exist: little is read of each. */
  glance(sagaIds: readonly string[]): Promise<ReadonlyMap<string, SagaGlance>>;
  /**
   * Removes a saga that has ended and needs no attention, unless one that it is a part of may still have to undo it. Its business key
   * stays. Answers what stood in the way, if something did.
   */
  delete(sagaId: string): Promise<DeleteResult>;
  /** Removes a batch of what is older than it has to be: sagas as `delete` would, and quarantined messages. */
  purge(request: PurgeRequest): Promise<PurgeResult>;
  /** What happened to a saga, in order. */
  history(sagaId: string): Promise<readonly StoredHistoryEntry[]>;

  /** Says which handlers a group of processes has, so that other processes can plan with them. */
  writeHandlers(group: string, declarations: readonly HandlerDeclaration[]): Promise<void>;
  /** Says that a process of the group has gone. Plans may still name its handlers; others that are still there write them again. */
  leaveHandlers(group: string): Promise<void>;
  readHandlers(): Promise<readonly StoredHandler[]>;
  /**
   * What active sagas may still need and is not among these, by kind and key. Costs little as long as nothing is missing, however many
   * sagas have ended.
   */
  missingHandlers(offered: readonly HandlerName[]): Promise<readonly MissingHandler[]>;

  /** Keeps a message that nobody could understand. */
  quarantine(message: QuarantinedMessage): Promise<void>;

  /**
   * Keeps an event until it is dropped; the same id twice is one event. With `manager`, the caller's open transaction in the
   * adapter's own terms, it is there if and only if that commits; `committed` then resolves after the commit.
   */
  addEvent(event: OutboxEvent, manager?: unknown): Promise<{ readonly committed: Promise<void> | null }>;
  /** Takes events that nobody else has, in the order in which they were added. They come back by themselves when the lease ends. */
  takeEvents(request: TakeEventsRequest): Promise<readonly StoredEvent[]>;
  /** Removes events that were announced, whoever has them. */
  dropEvents(ids: readonly string[]): Promise<void>;
  /** Gives events back before their lease ends, except those that somebody else has taken since. */
  returnEvents(taker: string, events: readonly ReturnedEvent[]): Promise<void>;
  /**
   * Keeps a signal for as long as its saga, which must not have ended. With `manager` it is there if and only if that transaction commits,
   * as with `addEvent`.
   */
  addSignal(signal: SagaMessage, manager?: unknown): Promise<AddSignalResult>;
  /** The oldest signal of this name that none of the saga's operations has taken. */
  nextSignal(sagaId: string, name: string): Promise<SagaMessage | null>;
  /** The keys of tokens, the newest first: that one signs, all verify. The same in every process on this store. */
  secrets(): Promise<readonly StoredSecret[]>;
  /** From now on the action is claimed nowhere; its undo still is. For one that is paused the first word stays. */
  pauseAction(action: string, by: OrderedBy): Promise<void>;
  /** Ends the pause, if there is one, and makes everything that waits for the action due at once. */
  resumeAction(action: string, by: OrderedBy): Promise<void>;
  /** Makes everything in active sagas that waits for these handlers due at once: there was nobody who had them for a while. */
  rouse(keys: readonly string[]): Promise<void>;
  /** The oldest pause first. */
  pausedActions(): Promise<readonly PausedAction[]>;
  /** A saga, and everything that says what happens to it next; null when there is none. */
  inspect(sagaId: string): Promise<InspectedSaga | null>;
}

export type Decide = (plan: Plan, saga: SagaValue, event: SagaEvent) => Decision;

export interface StartRequest {
  readonly sagaId: string;
  readonly plan: Plan;
  /** Content address of the plan. */
  readonly planHash: string;
  /** The saga at its start, and what that asks for; from `startSaga`. */
  readonly saga: SagaValue;
  readonly effects: readonly SagaEffect[];
  /** One a step, in the order of the plan. */
  readonly steps: readonly NewStep[];
  readonly context: Json;
  /** What `setContext()` has laid over it: of a saga that goes on where another was. Default: nothing. */
  readonly laidOver?: JsonObject | null;
  readonly metadata: Json;
  readonly businessKey: { readonly key: string; readonly fingerprint: string } | null;
  readonly deadlineMs: number | null;
  /** When a wake-up that nobody claimed is sent again, in milliseconds. */
  readonly resendMs: number;
  /** The caller's open transaction, in the adapter's own terms (TypeORM: an EntityManager). */
  readonly manager?: unknown;
  /** Who would begin with the first operation at once. Never with `manager`. Default: nobody. */
  readonly chain?: ChainOffer;
}

export type StartResult =
  /** `committed` resolves when the caller's transaction has committed; null when the start is committed already. */
  | { readonly kind: 'started'; readonly committed: Promise<void> | null; readonly chained?: ChainedClaim }
  /** The business key had started this saga before, with the same input. `purged`: its rows are gone, its key is kept. */
  | { readonly kind: 'existing'; readonly sagaId: string; readonly state: SagaState; readonly purged: boolean }
  /** The business key had started this saga before, with another input. */
  | { readonly kind: 'conflict'; readonly sagaId: string };

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

export type DeleteResult =
  | 'deleted'
  | 'missing'
  | 'attention'
  /** `of`: it is another saga that has not ended, one that this one is a part of. */
  | { readonly active: SagaState; readonly of?: string };

export interface PurgeRequest {
  /** Sagas that ended at least this many milliseconds ago and need no attention; null keeps them. */
  readonly finishedMs: number | null;
  /** Messages that were quarantined at least this many milliseconds ago; null keeps them. */
  readonly quarantinedMs: number | null;
  /** At most this many of each. */
  readonly limit: number;
}

export interface PurgeResult {
  readonly sagas: number;
  readonly messages: number;
}

export interface SagaQuery {
  readonly states?: readonly SagaState[];
  readonly name?: string;
  /** Only sagas with, or without, attention. */
  readonly attention?: boolean;
  /** Only sagas that a step of this one has started. */
  readonly parent?: string;
  readonly limit: number;
  /** Only sagas that started before this one. */
  readonly before?: string;
}

export interface StoredHandler {
  readonly group: string;
  readonly declaration: HandlerDeclaration;
  /** Milliseconds since a process last said that it has it. */
  readonly unseenMs: number;
  /** The process that last said so has gone since. */
  readonly left: boolean;
}

export interface HandlerName {
  /** `condition`: of a `@SagaCondition`. */
  readonly kind: HandlerKind | 'condition';
  readonly key: string;
}

export interface MissingHandler extends HandlerName {
  /** So many sagas that have not ended may need it. */
  readonly sagas: number;
}

export interface QuarantinedMessage {
  readonly source: string;
  readonly reason: string;
  readonly messageId: string | null;
  /** The first 64 KiB. */
  readonly bodyHead: Uint8Array;
  readonly bodySize: number;
}
