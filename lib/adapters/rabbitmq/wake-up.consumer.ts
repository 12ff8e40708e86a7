import type { Subscription } from '../../ports/message-transport';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import type { MessageCodec } from './message.codec';
import type { Quarantine } from './quarantine';
import type { RawChannel, RawMessage } from './raw-channel';
import { declareQueue, type Topology } from './topology';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const CANCEL_MS = 2_000;
const CHECK_MS = 10_000;
const MAX_PREFETCH = 65_535;

/**
 * Receives the wake-ups of one direction on a channel of its own, so that compensations are never starved by actions, and a fault
 * of one leaves the deliveries of the other alone.
 */
export class WakeUpConsumer {
  readonly #keeper: ChannelKeeper<RawChannel>;
  readonly #queue: string;
  readonly #keys: ReadonlySet<string>;
  #consumerTag: string | undefined;
  #stopped = false;
  #checks = { running: false, withoutConsumer: 0 };

  constructor(
    link: BrokerLink,
    private readonly topology: Topology,
    private readonly codec: MessageCodec,
    private readonly subscription: Subscription,
    private readonly quarantine: Quarantine,
    private readonly trouble: TroubleReporter,
  ) {
    this.#queue = topology.queues[subscription.direction];
    this.#keys = new Set(subscription.keys);
    this.#keeper = new ChannelKeeper(
      link,
      {
        name: `consumer of "${this.#queue}"`,
        open: (connection) => connection.createChannel(),
        setUp: (channel) => this.#setUp(channel),
        lost: () => (this.#consumerTag = undefined),
      },
      trouble,
    );
  }

  get isInPlace(): boolean {
    return !this.#stopped && this.#keeper.channel !== undefined;
  }

  start(): void {
    this.#keeper.start();
  }

  /**
   * Looks after what no event tells: a consumer that the broker forgot, an exchange or a binding that somebody removed. Declaring
   * everything again heals the last two, and shows that the channel is alive.
   */
  async check(): Promise<void> {
    const channel = this.#keeper.channel;
    if (this.#stopped || this.#checks.running) return;
    if (channel === undefined) {
      this.#keeper.nudge();
      return;
    }
    this.#checks.running = true;
    try {
      const { consumerCount } = await within(CHECK_MS, 'the periodic check', this.#declare(channel));
      // A quorum queue whose leader is away says 0 too, so once is not enough.
      this.#checks.withoutConsumer = consumerCount === 0 ? this.#checks.withoutConsumer + 1 : 0;
      if (this.#checks.withoutConsumer > 1) this.#recover(channel, new Error('the broker has forgotten the consumer'));
    } catch (error) {
      this.#recover(channel, error);
    } finally {
      this.#checks.running = false;
    }
  }

  /** Deliveries that were handed out may still be acknowledged: the channel stays open. */
  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#keeper.freeze();
    const channel = this.#keeper.channel;
    const tag = this.#consumerTag;
    if (channel === undefined || tag === undefined) return;
    try {
      await within(CANCEL_MS, 'cancelling the consumer', channel.cancel(tag));
    } catch {
      // The channel is gone, and the consumer with it.
    }
  }

  async close(): Promise<void> {
    await this.stop();
    await this.#keeper.close();
  }

  async #setUp(channel: RawChannel): Promise<void> {
    await this.#declare(channel);
    // Per consumer: `global` prefetch is gone with RabbitMQ 4.3.
    await channel.prefetch(Math.min(Math.max(1, Math.floor(this.subscription.prefetch)), MAX_PREFETCH), false);
    const early = { isCancelled: false };
    const onMessage = (message: RawMessage | null): void => {
      early.isCancelled ||= message === null;
      this.#receive(channel, message);
    };
    const { consumerTag } = await channel.consume(this.#queue, onMessage, { noAck: false });
    if (early.isCancelled) throw new Error('the consumer was cancelled at once');
    this.#consumerTag = consumerTag;
    this.#checks.withoutConsumer = 0;
  }

  #declare(channel: RawChannel): Promise<{ readonly consumerCount: number }> {
    return declareQueue(channel, this.topology, this.subscription.direction, this.subscription.keys);
  }

  // Must not throw: amqplib would close the channel, and each redelivery would do it again.
  #receive(channel: RawChannel, message: RawMessage | null): void {
    // What arrives after `stop` is left to the next consumer; closing the channel gives it back.
    if (this.#stopped) return;
    try {
      if (message === null) this.#recover(channel, new Error('the broker cancelled the consumer (was the queue deleted?)'));
      else this.#deliver(channel, message);
    } catch (error) {
      this.trouble.report(`delivery from "${this.#queue}"`, error);
    }
  }

  #deliver(channel: RawChannel, message: RawMessage): void {
    const ack = acknowledgement(channel, message);
    const quarantine = (reason: string): void => {
      this.quarantine.take({ message, source: this.#queue, reason, ack, isHeld: () => this.#keeper.channel === channel });
    };
    const decoded = this.codec.decode(message);
    if ('unreadable' in decoded) return quarantine(decoded.unreadable);
    const { wakeUp } = decoded;
    if (wakeUp.operation.direction !== this.subscription.direction) return quarantine('envelope has the direction of another queue');
    // Another version of this service bound the key. The operation is still due, and will be found by a process that has it.
    if (!this.#keys.has(wakeUp.key)) return ack();
    this.subscription.onDelivery({ wakeUp, ack });
  }

  /** A channel that is still being prepared fails on its own. */
  #recover(channel: RawChannel, why: unknown): void {
    if (!this.#stopped) this.#keeper.discard(channel, why);
  }
}

/**
 * On the channel it came on, once. amqp-connection-manager acknowledges on its newest channel, where the same tag is another
 * message, which is then lost; and a second ack of one tag closes the channel.
 */
function acknowledgement(channel: RawChannel, message: RawMessage): () => void {
  let isOpen = true;
  return () => {
    if (!isOpen) return;
    isOpen = false;
    try {
      channel.ack(message);
    } catch {
      // The channel is gone, and the broker has taken the delivery back.
    }
  };
}
