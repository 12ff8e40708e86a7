import type { MessageTransport, PublishResult, Subscription, TransportStatus, WakeUp } from '../../ports/message-transport';
import type { NoticeBoard, NoticeEar } from '../../ports/notice-board';
import type { StoredEvent } from '../../ports/outbox-event';
import { BrokerLink, type LinkSource } from './broker-link';
import { EventPublisher } from './event.publisher';
import { MessageCodec } from './message.codec';
import { Quarantine } from './quarantine';
import { NoticeConsumer } from './notice.consumer';
import { NoticePublisher } from './notice.publisher';
import type { RabbitMqSettings } from './rabbitmq-transport.options';
import { TroubleReporter } from './trouble.reporter';
import { WakeUpConsumer } from './wake-up.consumer';
import { WakeUpPublisher } from './wake-up.publisher';

const CHECK_EVERY_MS = 30_000;

export interface RabbitMqConnections {
  readonly publish: LinkSource;
  /** Apart from `publish`, so that a broker that blocks publishers does not stop acknowledgements. Null: the same one. */
  readonly consume: LinkSource | null;
  /** Never to be told to anybody. */
  readonly secrets: readonly string[];
}

/** Wake-ups, and events of the application, over RabbitMQ. How each part survives a fault is written where it lives. */
export class RabbitMqTransport implements MessageTransport {
  readonly description: string;
  readonly #trouble: TroubleReporter;
  readonly #codec = new MessageCodec();
  readonly #links: readonly BrokerLink[];
  readonly #consumeLink: BrokerLink;
  readonly #publishLink: BrokerLink;
  readonly #publisher: WakeUpPublisher;
  readonly #events: EventPublisher;
  #notices: { readonly consumer: NoticeConsumer; readonly publisher: NoticePublisher } | undefined;
  readonly #consumers: { readonly subscription: Subscription; readonly consumer: WakeUpConsumer }[] = [];
  #watchdog: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #phase: 'new' | 'open' | 'stopped' | 'closed' = 'new';

  constructor(
    private readonly settings: RabbitMqSettings,
    connections: RabbitMqConnections,
    onTrouble: (error: Error) => void,
  ) {
    const { topology, eventsExchange, confirmTimeoutMs } = settings;
    this.description = `RabbitMQ exchange "${topology.exchange}"`;
    this.#trouble = new TroubleReporter((error) => onTrouble(error), connections.secrets);
    this.#publishLink = new BrokerLink(connections.publish, this.#trouble);
    this.#consumeLink = connections.consume === null ? this.#publishLink : new BrokerLink(connections.consume, this.#trouble);
    this.#links = [...new Set([this.#publishLink, this.#consumeLink])];
    this.#publisher = new WakeUpPublisher(this.#publishLink, topology, this.#codec, confirmTimeoutMs, this.#trouble);
    this.#events = new EventPublisher(this.#publishLink, eventsExchange, confirmTimeoutMs, this.#trouble);
  }

  async open(): Promise<void> {
    if (this.#phase !== 'new') return;
    this.#phase = 'open';
    this.#publisher.start();
    this.#events.start();
    this.#notices?.publisher.start();
    for (const { consumer } of this.#consumers) consumer.start();
    this.#watchdog = setInterval(() => this.#checkConsumers(), CHECK_EVERY_MS).unref();
    for (const link of this.#links) link.open();
  }

  async publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    const results = await this.#publisher.publish(wakeUps);
    this.#repairRoutesOf(wakeUps.filter((_, place) => results[place] === 'unroutable'));
    return results;
  }

  publishEvents(events: readonly StoredEvent[]): Promise<readonly ('sent' | 'unavailable')[]> {
    return this.#events.publish(events);
  }

  notices(ear: NoticeEar): NoticeBoard {
    const { exchange } = this.settings.topology;
    const consumer = new NoticeConsumer(this.#consumeLink, exchange, ear, this.#trouble);
    const publisher = new NoticePublisher(this.#publishLink, exchange, this.#trouble);
    this.#notices = { consumer, publisher };
    if (this.#phase === 'open') publisher.start();
    return {
      get isListening() {
        return consumer.isListening;
      },
      tell: (topic, text) => publisher.tell(topic, text),
      follow: (topic) => (this.#phase === 'closed' ? undefined : consumer.follow(topic)),
      unfollow: (topic) => consumer.unfollow(topic),
    };
  }

  consume(subscription: Subscription): void {
    if (subscription.keys.length === 0 || this.#phase === 'stopped' || this.#phase === 'closed') return;
    const quarantine = new Quarantine(subscription.onUnreadable, this.#trouble);
    const { topology } = this.settings;
    const consumer = new WakeUpConsumer(this.#consumeLink, topology, this.#codec, subscription, quarantine, this.#trouble);
    this.#consumers.push({ subscription, consumer });
    if (this.#phase === 'open') consumer.start();
  }

  async stop(): Promise<void> {
    if (this.#phase === 'new' || this.#phase === 'open') this.#phase = 'stopped';
    clearInterval(this.#watchdog);
    await Promise.all(this.#consumers.map(({ consumer }) => consumer.stop()));
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  status(): TransportStatus {
    return {
      connected: this.#publisher.isReady && this.#consumeLink.connection !== undefined,
      blocked: this.#publishLink.blocked,
      consuming: this.#consumers.filter(({ consumer }) => consumer.isInPlace).map(({ subscription }) => subscription.direction),
    };
  }

  async #close(): Promise<void> {
    await this.stop();
    this.#phase = 'closed';
    // From here on every failure is our own doing.
    this.#trouble.silence();
    const notices = [this.#notices?.publisher.close(), this.#notices?.consumer.close()];
    const consumers = this.#consumers.map(({ consumer }) => consumer.close());
    await Promise.all([this.#publisher.close(), this.#events.close(), ...notices, ...consumers]);
    await Promise.all(this.#links.map((link) => link.close()));
  }

  /** What this process consumes has a route, unless somebody removed it: until it is back every wake-up costs a sweep. */
  #repairRoutesOf(unroutable: readonly WakeUp[]): void {
    for (const { subscription, consumer } of this.#consumers) {
      const { direction, keys } = subscription;
      if (unroutable.some(({ operation, key }) => operation.direction === direction && keys.includes(key))) void consumer.check();
    }
  }

  #checkConsumers(): void {
    for (const { consumer } of this.#consumers) void consumer.check();
    void this.#notices?.consumer.check();
  }
}
