import type { Json } from '../core/json';

/** An event of the application, for whoever listens: no part of how sagas run. */
export interface OutboxEvent {
  /** The same however often it is announced: listeners tell a duplicate by it. */
  readonly id: string;
  readonly type: string;
  /** Of the payload's shape. */
  readonly version: number;
  /** What kind of thing it is about. */
  readonly aggregate: string;
  /** Which one of them it is about. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: Json;
}

/** As it comes out of a store. */
export interface StoredEvent extends OutboxEvent {
  /** When it was stored, by the store's clock. */
  readonly at: Date;
  /** How often it has been taken, this time included. */
  readonly tries: number;
}

export interface TakeEventsRequest {
  /** Who takes them; another name than that of any other relay. */
  readonly taker: string;
  /** At most this many. */
  readonly limit: number;
  /** At most this much payload, encoded; one event is taken however large it is. */
  readonly maxBytes: number;
  /** For so long nobody else takes them. */
  readonly leaseMs: number;
}

export interface ReturnedEvent {
  readonly id: string;
  /** Nobody takes it before this many milliseconds have passed. */
  readonly inMs: number;
}
