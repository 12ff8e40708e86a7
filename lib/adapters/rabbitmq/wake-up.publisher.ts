import { randomUUID } from 'node:crypto';
import type { PublishResult, WakeUp } from '../../ports/message-transport';
import type { BrokerLink } from './broker-link';
import { ChannelKeeper } from './channel-keeper';
import { ConfirmWindow } from './confirm-window';
import type { MessageCodec } from './message.codec';
import type { RawConfirmChannel } from './raw-channel';
import { declareExchange, routingKey, type Topology } from './topology';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const MAX_UNCONFIRMED = 1_000;
const LAST_CONFIRMS_MS = 1_000;

/**
 * Sends wake-ups, or says at once that it cannot. Nothing waits in memory for a better time: what was not sent is in the database,
 * and a queue here would be lost with the process or double everything after an outage.
 */
export class WakeUpPublisher {
  readonly #keeper: ChannelKeeper<RawConfirmChannel>;
  #window: ConfirmWindow | undefined;
  #closed = false;
  #sent = 0;
  readonly #idPrefix = randomUUID();

  constructor(
    private readonly link: BrokerLink,
    private readonly topology: Topology,
    private readonly codec: MessageCodec,
    private readonly confirmTimeoutMs: number,
    trouble: TroubleReporter,
  ) {
    this.#keeper = new ChannelKeeper(
      link,
      {
        name: `publisher to "${topology.exchange}"`,
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

  async publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = wakeUps.map(() => 'unavailable');
    await new Promise<void>((resolve) => {
      const ids: string[] = [];
      let timer: NodeJS.Timeout | undefined;
      let open = 1;
      const settled = (): void => {
        if (--open > 0) return;
        clearTimeout(timer);
        resolve();
      };
      for (const [place, wakeUp] of wakeUps.entries()) {
        const id = `${this.#idPrefix}.${(this.#sent++).toString(36)}`;
        open++;
        const isSent = this.#send(wakeUp, id, (result) => {
          results[place] = result;
          settled();
        });
        if (isSent) ids.push(id);
        else settled();
      }
      const window = this.#window;
      if (window !== undefined && ids.length > 0) timer = setTimeout(() => this.#expire(window, ids), this.confirmTimeoutMs);
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
    await declareExchange(channel, this.topology);
    this.#window = new ConfirmWindow(channel);
  }

  #send(wakeUp: WakeUp, id: string, settle: (result: PublishResult) => void): boolean {
    const channel = this.#keeper.channel;
    const window = this.#window;
    if (this.#closed || this.link.blocked || channel === undefined || window === undefined) return false;
    if (window.size >= MAX_UNCONFIRMED) return false;
    try {
      const key = routingKey(wakeUp.operation.direction, wakeUp.key);
      window.send(this.topology.exchange, key, id, this.codec.encode(wakeUp), settle);
    } catch (error) {
      this.#keeper.discard(channel, error);
    }
    return true;
  }

  #expire(window: ConfirmWindow, ids: readonly string[]): void {
    const isStalled = window.expire(ids);
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
