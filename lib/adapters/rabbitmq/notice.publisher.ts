import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import type { RawPlainChannel } from './raw-channel';
import { declareExchange } from './topology';
import type { TroubleReporter } from './trouble.reporter';

/** Tells notices on a channel of their own, without confirms: one that is lost costs somebody a few seconds, and nobody asks after it. */
export class NoticePublisher {
  readonly #keeper: ChannelKeeper<RawPlainChannel>;
  /** The socket takes no more for now; what would wait in memory is not told. */
  #isFull = false;

  constructor(
    private readonly link: BrokerLink,
    private readonly exchange: string,
    trouble: TroubleReporter,
  ) {
    this.#keeper = new ChannelKeeper(
      link,
      {
        name: `notices to "${exchange}"`,
        open: (connection) => connection.createChannel(),
        setUp: (channel) => this.#setUp(channel),
        lost: () => undefined,
      },
      trouble,
    );
  }

  start(): void {
    this.#keeper.start();
  }

  tell(topic: string, text: string): void {
    const channel = this.#keeper.channel;
    if (channel === undefined || this.#isFull || this.link.blocked) return;
    try {
      this.#isFull = !channel.publish(this.exchange, topic, Buffer.from(text), { persistent: false, contentType: 'text/plain' });
    } catch (error) {
      this.#keeper.discard(channel, error);
    }
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }

  async #setUp(channel: RawPlainChannel): Promise<void> {
    await declareExchange(channel, this.exchange);
    this.#isFull = false;
    channel.on('drain', () => (this.#isFull = false));
  }
}
