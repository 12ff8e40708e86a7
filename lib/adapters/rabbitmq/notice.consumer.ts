import type { NoticeEar } from '../../ports/notice-board';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import type { RawChannel, RawMessage } from './raw-channel';
import { declareNoticeQueue } from './topology';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const CHECK_MS = 10_000;
const LONGEST_TEXT = 4_096;

/** The queue of one connection. It goes with its channel, and the next one has another name. */
interface Place {
  readonly channel: RawChannel;
  readonly queue: string;
}

/**
 * Hears notices on an exclusive queue that the broker names. Nothing is opened before somebody follows a topic. Queue and bindings go
 * with the connection; each new one makes them again, and says so, because what was told meanwhile is lost.
 */
export class NoticeConsumer {
  readonly #keeper: ChannelKeeper<RawChannel>;
  readonly #topics = new Set<string>();
  #place: Place | undefined;
  #checking = false;

  constructor(
    link: BrokerLink,
    private readonly exchange: string,
    private readonly ear: NoticeEar,
    trouble: TroubleReporter,
  ) {
    this.#keeper = new ChannelKeeper(
      link,
      {
        name: `notices from "${exchange}"`,
        open: (connection) => connection.createChannel(),
        setUp: (channel) => this.#setUp(channel),
        lost: () => (this.#place = undefined),
      },
      trouble,
    );
  }

  get isListening(): boolean {
    return this.#keeper.channel !== undefined;
  }

  follow(topic: string): void {
    this.#topics.add(topic);
    if (this.#place === undefined) this.#keeper.start();
    else void this.#bind(this.#place, topic).catch((error: unknown) => this.#distrust(error));
  }

  unfollow(topic: string): void {
    if (!this.#topics.delete(topic) || this.#place === undefined) return;
    const { channel, queue } = this.#place;
    channel.unbindQueue(queue, this.exchange, topic).catch((error: unknown) => this.#distrust(error));
  }

  /** Makes the bindings again: nothing tells that somebody deleted the exchange. */
  async check(): Promise<void> {
    const place = this.#place;
    if (place === undefined || this.#checking) return;
    this.#checking = true;
    try {
      const bound = Promise.all([...this.#topics].map((topic) => place.channel.bindQueue(place.queue, this.exchange, topic)));
      await within(CHECK_MS, 'the periodic check', bound);
    } catch (error) {
      this.#distrust(error);
    } finally {
      this.#checking = false;
    }
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }

  async #setUp(channel: RawChannel): Promise<void> {
    const queue = await declareNoticeQueue(channel, this.exchange);
    await channel.consume(queue, (message) => this.#receive(channel, message), { noAck: true });
    const place = { channel, queue };
    this.#place = place; // from here on `follow` binds by itself
    try {
      await Promise.all([...this.#topics].map((topic) => this.#bind(place, topic)));
    } catch (error) {
      if (this.#place === place) this.#place = undefined;
      throw error;
    }
  }

  async #bind({ channel, queue }: Place, topic: string): Promise<void> {
    await channel.bindQueue(queue, this.exchange, topic);
    if (this.#topics.has(topic) && this.#place?.channel === channel) this.ear.onFollowed(topic);
  }

  #receive(channel: RawChannel, message: RawMessage | null): void {
    if (message === null) return this.#keeper.discard(channel, new Error('the broker cancelled the consumer'));
    const routingKey = message.fields?.routingKey;
    if (typeof routingKey !== 'string' || message.content.byteLength > LONGEST_TEXT) return;
    this.ear.onNotice(routingKey, message.content.toString('utf8'));
  }

  #distrust(error: unknown): void {
    const channel = this.#keeper.channel;
    if (channel !== undefined) this.#keeper.discard(channel, error);
  }
}
