import type { Direction, OperationRef } from '../core/operation';
import type { NoticeBoard, NoticeEar } from './notice-board';
import type { StoredEvent } from './outbox-event';
import type { QuarantinedMessage } from './saga-store';

/**
 * How work travels. A wake-up may be lost, late, doubled or out of order: nothing depends on it but speed. So a transport never
 * blocks its caller, never keeps what it could not send, and never fails a saga.
 *
 * Every adapter passes the contract suite in `nest-saga/testing`.
 */
export interface MessageTransport {
  /** One phrase for the boot log: `RabbitMQ exchange "sagas"`. Never credentials. */
  readonly description: string;

  /** Begins to connect and returns; a broker that is down is tried again for as long as it takes. */
  open(): Promise<void>;

  /** Sends wake-ups. Resolves when each one's fate is known, or the transport's own timeout has passed; never rejects. */
  publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]>;

  /** Receives the wake-ups of these keys until `stop`, across reconnections. Called once for each direction, before or after `open`. */
  consume(subscription: Subscription): void;

  /** Stops receiving. Deliveries that were handed out may still be acknowledged. */
  stop(): Promise<void>;
  close(): Promise<void>;

  status(): TransportStatus;

  /**
   * Announces events of the application, whether or not anybody listens. `sent`: the broker has taken responsibility for it. Like
   * `publish` it answers for each one and never rejects.
   */
  publishEvents(events: readonly StoredEvent[]): Promise<readonly ('sent' | 'unavailable')[]>;

  /**
   * Brief words between processes; called once at most, before `open`. It works from `open` to `close`, also after `stop`. Left out by a
   * transport that has none: then whoever waits for a saga that ends in another process looks for itself, each second.
   */
  notices?(ear: NoticeEar): NoticeBoard;
}

/** A wake-up names an operation, never its data: forging one is as harmless as sending one twice. */
export interface WakeUp {
  readonly sagaId: string;
  readonly operation: OperationRef;
  /** The handler's key. */
  readonly key: string;
}

export type PublishResult = 'sent' | 'unroutable' | 'unavailable';

export interface Subscription {
  readonly direction: Direction;
  readonly keys: readonly string[];
  /** At most this many deliveries that have not been acknowledged. */
  readonly prefetch: number;
  /** Must not throw. */
  readonly onDelivery: (delivery: Delivery) => void;
  /** Called with a message that is no wake-up; the message is acknowledged when the promise resolves. */
  readonly onUnreadable: (message: QuarantinedMessage) => Promise<void>;
}

export interface Delivery {
  readonly wakeUp: WakeUp;
  /** Harmless when the connection it came on is gone. */
  ack(): void;
}

export interface TransportStatus {
  readonly connected: boolean;
  /** The broker asked publishers to wait (a memory or disk alarm). */
  readonly blocked: boolean;
  /** Directions whose consumer is in place. */
  readonly consuming: readonly Direction[];
}
