import { randomUUID } from 'node:crypto';
import type { PublishResult } from '../../ports/message-transport';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import { ConfirmWindow, type Settle } from './confirm-window';
import type { OutgoingMessage } from './outgoing-message';
import type { RawConfirmChannel } from './raw-channel';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const MAX_UNCONFIRMED = 1_000;
const LAST_CONFIRMS_MS = 1_000;

export interface PublisherUse {
  /** Shown in messages: `publisher to "sagas"`. */
  readonly name: string;
  /** Declares what the messages need, at each connect. */
  declare(channel: RawConfirmChannel): Promise<void>;
}

/**
 * Sends messages on a channel of its own and says what became of each, or at once that it cannot. Nothing waits in memory for a
 * better time: what was not sent is in the database, and a queue here would be lost with the process or double everything after
 * an outage.
 */
export class ConfirmingPublisher {
  readonly #keeper: ChannelKeeper<RawConfirmChannel>;
  #window: ConfirmWindow | undefined;
  #closed = false;
  #sent = 0;
  readonly #idPrefix = randomUUID();

  constructor(
    private readonly link: BrokerLink,
    private readonly use: PublisherUse,
    private readonly confirmTimeoutMs: number,
    trouble: TroubleReporter,
  ) {
    this.#keeper = new ChannelKeeper(
      link,
      {
        name: use.name,
        open: (connection) => connection.createConfirmChannel(),
        setUp: (channel) => this.#setUp(channel),
        lost: () => this.#abandon(),
      },
      trouble,
    );
  }

  get isReady(): boolean {
    return this.#keeper.channel !== undefined;
  }

  start(): void {
    this.#keeper.start();
  }

  async publish(messages: readonly OutgoingMessage[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = messages.map(() => 'unavailable');
    await new Promise<void>((resolve) => {
      const tags: string[] = [];
      let timer: NodeJS.Timeout | undefined;
      let open = 1;
      const settled = (): void => {
        if (--open > 0) return;
        clearTimeout(timer);
        resolve();
      };
      for (const [place, message] of messages.entries()) {
        const tag = `${this.#idPrefix}.${(this.#sent++).toString(36)}`;
        open++;
        const isSent = this.#send(tag, message, (result) => {
          results[place] = result;
          settled();
        });
        if (isSent) tags.push(tag);
        else settled();
      }
      const window = this.#window;
      if (window !== undefined && tags.length > 0) timer = setTimeout(() => this.#expire(window, tags), this.confirmTimeoutMs);
      settled();
    });
    return results;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#window !== undefined) await within(LAST_CONFIRMS_MS, 'the last confirms', this.#window.empty()).catch(() => undefined);
    await this.#keeper.close();
  }

  async #setUp(channel: RawConfirmChannel): Promise<void> {
    await this.use.declare(channel);
    this.#window = new ConfirmWindow(channel);
  }

  #send(tag: string, message: OutgoingMessage, settle: Settle): boolean {
    const channel = this.#keeper.channel;
    const window = this.#window;
    if (this.#closed || this.link.blocked || channel === undefined || window === undefined) return false;
    if (window.size >= MAX_UNCONFIRMED) return false;
    try {
      window.send(tag, message, settle);
    } catch (error) {
      this.#keeper.discard(channel, error);
    }
    return true;
  }

  #expire(window: ConfirmWindow, tags: readonly string[]): void {
    const isStalled = window.expire(tags);
    const channel = this.#keeper.channel;
    // While the broker blocks publishers a new channel would wait behind the old one.
    if (!isStalled || this.link.blocked || window !== this.#window || channel === undefined) return;
    this.#keeper.discard(channel, new Error(`no confirm for ${this.confirmTimeoutMs} ms`));
  }

  #abandon(): void {
    const window = this.#window;
    this.#window = undefined;
    window?.abandon();
  }
}
