import type { StoredEvent } from '../../ports/outbox-event';
import type { BrokerLink } from './broker-link';
import { ConfirmingPublisher } from './confirming.publisher';
import type { OutgoingMessage } from './outgoing-message';
import { declareExchange } from './topology';
import type { TroubleReporter } from './trouble.reporter';

/** Announces events, on a channel of their own: whatever is wrong with one of them, wake-ups go on. */
export class EventPublisher {
  readonly #publisher: ConfirmingPublisher;

  constructor(
    link: BrokerLink,
    private readonly exchange: string,
    confirmTimeoutMs: number,
    trouble: TroubleReporter,
  ) {
    this.#publisher = new ConfirmingPublisher(
      link,
      { name: `publisher to "${exchange}"`, declare: (channel) => declareExchange(channel, exchange) },
      confirmTimeoutMs,
      trouble,
    );
  }

  start(): void {
    this.#publisher.start();
  }

  async publish(events: readonly StoredEvent[]): Promise<readonly ('sent' | 'unavailable')[]> {
    const results = await this.#publisher.publish(events.map((event) => this.#message(event)));
    // Nobody has to listen.
    return results.map((result) => (result === 'unroutable' ? 'sent' : result));
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }

  #message({ id, type, version, aggregate, key, headers, payload, at }: StoredEvent): OutgoingMessage {
    return {
      exchange: this.exchange,
      routingKey: type,
      body: Buffer.from(JSON.stringify(payload)),
      mandatory: false,
      messageId: id,
      type,
      timestamp: Math.floor(at.getTime() / 1_000),
      headers: { ...headers, 'x-event-version': version, 'x-event-aggregate': aggregate, 'x-event-key': key },
    };
  }
}
