import { Backoff } from './backoff';
import type { BrokerLink } from './broker-link';
import type { RawChannel, RawConnection } from './raw-channel';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const SETUP_MS = 15_000;
const CLOSE_MS = 1_000;
const STABLE_MS = 10_000;

export interface ChannelUse<C extends RawChannel> {
  /** Shown in messages: `consumer of "saga.steps"`. */
  readonly name: string;
  open(connection: RawConnection): Promise<C>;
  /** Prepares a fresh channel. Rejects: it is thrown away, and another one is opened later. */
  setUp(channel: C): Promise<void>;
  /** The channel that was ready is gone, whoever closed it. */
  lost(channel: C): void;
}

/**
 * Keeps one channel open for as long as its link is up. A channel closed alone (404, 406, consumer timeout) is reopened alone: a
 * channel without an `error` listener takes the whole connection down, and every other channel's deliveries with it.
 */
export class ChannelKeeper<C extends RawChannel> {
  #ready: C | undefined;
  #readySince = 0;
  /** Rises whenever what is under way must not count any more. */
  #turn = 0;
  #opening = false;
  #timer: NodeJS.Timeout | undefined;
  #running = false;
  readonly #backoff = new Backoff();
  readonly #closed = new WeakSet<C>();

  constructor(
    private readonly link: BrokerLink,
    private readonly use: ChannelUse<C>,
    private readonly trouble: TroubleReporter,
  ) {
    link.listen({ up: () => this.#open(), down: () => this.#drop() });
  }

  get channel(): C | undefined {
    return this.#ready;
  }

  start(): void {
    this.#running = true;
    this.#open();
  }

  /** Opens no more channels; the one that is ready stays. */
  freeze(): void {
    this.#running = false;
    this.#turn++;
    this.#opening = false;
    clearTimeout(this.#timer);
  }

  async close(): Promise<void> {
    this.freeze();
    const channel = this.#ready;
    this.#drop();
    if (channel !== undefined) await closeQuietly(channel);
  }

  /** Throws a channel away that cannot be trusted any more, and opens another. */
  discard(channel: C, why: unknown): void {
    if (this.#ready !== channel) return;
    this.trouble.report(this.use.name, why);
    void closeQuietly(channel);
    this.#drop();
    this.#openLater();
  }

  /** Opens a channel if none is there and none is on its way. */
  nudge(): void {
    if (this.#timer === undefined) this.#open();
  }

  #open(): void {
    const connection = this.link.connection;
    if (!this.#running || this.#opening || this.#ready !== undefined || connection === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#opening = true;
    void this.#attempt(connection, ++this.#turn);
  }

  async #attempt(connection: RawConnection, turn: number): Promise<void> {
    const isCurrent = (): boolean => turn === this.#turn;
    let channel: C | undefined;
    try {
      const opening = this.use.open(connection).then((opened) => this.#watch(opened));
      // A channel that came too late belongs to nobody: it must not eat deliveries.
      void opening.then(
        (late) => (isCurrent() ? undefined : closeQuietly(late)),
        () => undefined,
      );
      channel = await within(SETUP_MS, 'opening a channel', opening);
      if (!isCurrent()) return;
      await within(SETUP_MS, 'preparing the channel', this.use.setUp(channel));
      if (!isCurrent()) return void closeQuietly(channel);
      if (this.#closed.has(channel)) throw new Error('the channel was closed while it was prepared');
      this.#ready = channel;
      this.#readySince = performance.now();
      this.#opening = false;
      this.trouble.forget(this.use.name);
    } catch (error) {
      if (channel !== undefined) void closeQuietly(channel);
      if (!isCurrent()) return;
      this.#drop();
      this.trouble.report(this.use.name, error);
      this.#openLater();
    }
  }

  #watch(channel: C): C {
    // While it is being prepared, the refused call itself says why.
    channel.on('error', (error) => this.#ready === channel && this.trouble.report(this.use.name, error));
    channel.on('close', () => {
      this.#closed.add(channel);
      if (this.#ready !== channel) return;
      this.#drop();
      this.#openLater();
    });
    return channel;
  }

  #drop(): void {
    this.#turn++;
    this.#opening = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const channel = this.#ready;
    if (channel === undefined) return;
    this.#ready = undefined;
    if (performance.now() - this.#readySince > STABLE_MS) this.#backoff.reset();
    this.use.lost(channel);
  }

  #openLater(): void {
    if (!this.#running || this.link.connection === undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#open();
    }, this.#backoff.nextMs());
  }
}

/** Closing one that is closed, or whose peer is silent, is no trouble. */
export async function closeQuietly(channel: RawChannel): Promise<void> {
  try {
    await within(CLOSE_MS, 'closing a channel', channel.close());
  } catch {
    // Gone already, or gone with its connection.
  }
}
