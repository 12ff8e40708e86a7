import { setImmediate as later } from 'node:timers';
import type { MessageTransport, PublishResult, Subscription, TransportStatus, WakeUp } from '../../ports/message-transport';
import type { NoticeBoard, NoticeEar } from '../../ports/notice-board';
import type { StoredEvent } from '../../ports/outbox-event';
import type { InProcessExchange } from './in-process.transport-exchange';
import { InProcessNotices } from './in-process.transport-notices';
import type { Subscriber } from './in-process.transport-lane';

/**
 * One application's way to an exchange inside this process. For tests, samples and single-process applications: as on a broker, the
 * wake-ups that are not acknowledged come back when the transport closes; unlike on one, they end with the process.
 */
export class InProcessTransport implements MessageTransport {
  readonly description = 'in-process exchange';
  readonly #subscribers: Subscriber[] = [];
  #notices: InProcessNotices | undefined;
  #phase: 'new' | 'open' | 'stopped' | 'closed' = 'new';

  constructor(private readonly exchange: InProcessExchange) {}

  async open(): Promise<void> {
    if (this.#phase !== 'new') return;
    this.#phase = 'open';
    for (const subscriber of this.#subscribers) this.exchange.add(subscriber);
    this.#notices?.open();
  }

  async publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    return wakeUps.map((wakeUp) => (this.#isConnected ? this.exchange.publish(wakeUp) : 'unavailable'));
  }

  async publishEvents(events: readonly StoredEvent[]): Promise<readonly ('sent' | 'unavailable')[]> {
    if (!this.#isConnected) return events.map(() => 'unavailable');
    for (const event of events) this.exchange.announce(event);
    return events.map(() => 'sent');
  }

  notices(ear: NoticeEar): NoticeBoard {
    this.#notices = new InProcessNotices(this.exchange, ear);
    if (this.#isConnected) this.#notices.open();
    return this.#notices;
  }

  consume(subscription: Subscription): void {
    if (subscription.keys.length === 0 || this.#phase === 'stopped' || this.#phase === 'closed') return;
    const subscriber: Subscriber = { subscription, unacknowledged: new Set() };
    this.#subscribers.push(subscriber);
    if (this.#phase === 'open') this.exchange.add(subscriber);
  }

  async stop(): Promise<void> {
    if (this.#phase === 'closed') return;
    this.#phase = 'stopped';
    for (const subscriber of this.#subscribers) this.exchange.remove(subscriber);
    // What was being handed out in this turn of the event loop has arrived when this resolves.
    await new Promise<void>((resolve) => later(resolve));
  }

  async close(): Promise<void> {
    await this.stop();
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#notices?.close();
    for (const subscriber of this.#subscribers) this.exchange.takeBack(subscriber);
  }

  status(): TransportStatus {
    const isOpen = this.#phase === 'open';
    return {
      connected: this.#isConnected,
      blocked: false,
      consuming: isOpen ? this.#subscribers.map(({ subscription }) => subscription.direction) : [],
    };
  }

  get #isConnected(): boolean {
    return this.#phase === 'open' || this.#phase === 'stopped';
  }
}
