import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { Json } from '../core/json';
import type { SagaState } from '../core/saga-value';
import type { ClaimRequest, ClaimResult } from './claim';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from './outbox-event';
import type { OrderedBy, PausedAction } from './paused-action';
import type { ApplyRequest, ApplyResult, Decide, Heartbeat, HeartbeatResult, TransactRequest, TransactResult } from './report';
import type { AddSignalResult, SagaMessage, StoredSecret } from './saga-signal';
import type { StartRequest, StartResult } from './saga-start';
import type { InspectedSaga, SagaGlance, StoredHistoryEntry, StoredSaga } from './stored-saga';
import type { SweepRequest, SweepResult } from './sweep';

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
