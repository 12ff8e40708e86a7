import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { RawConnection } from './raw-channel';
import type { TroubleReporter } from './trouble.reporter';
import { within } from './within';

const CLOSE_MS = 2_000;

/** How a link comes to its connection. */
export interface LinkSource {
  /** Shown in messages: `publish connection`. */
  readonly name: string;
  /** Makes the connection, or hands over the application's. */
  connect(): AmqpConnection;
  /** Ours: ended with the transport, by force if it must be. Otherwise the application's, and left open. */
  end?(connection: AmqpConnection): Promise<void>;
  destroy?(): void;
}

export interface LinkListener {
  up(connection: RawConnection): void;
  down(): void;
}

/**
 * One connection that comes back. Only its ups and downs are golevelup's business; channels are ours, because its consumers crash
 * the process, vanish or requeue for ever when the broker fails.
 */
export class BrokerLink {
  #amqp: AmqpConnection | undefined;
  #connection: RawConnection | undefined;
  #blocked = false;
  readonly #listeners: LinkListener[] = [];

  constructor(
    private readonly source: LinkSource,
    private readonly trouble: TroubleReporter,
  ) {}

  get connection(): RawConnection | undefined {
    return this.#connection;
  }

  get blocked(): boolean {
    return this.#blocked;
  }

  listen(listener: LinkListener): void {
    this.#listeners.push(listener);
    if (this.#connection !== undefined) listener.up(this.#connection);
  }

  /** Never throws: nothing about a broker may stop the boot of an application. */
  open(): void {
    try {
      this.#attach();
    } catch (error) {
      this.trouble.report(this.source.name, error);
    }
  }

  async close(): Promise<void> {
    const amqp = this.#amqp;
    if (amqp === undefined) return;
    this.#amqp = undefined;
    const managed = amqp.managedConnection;
    managed.removeListener('connect', this.#onConnect);
    managed.removeListener('disconnect', this.#onDisconnect);
    managed.removeListener('connectFailed', this.#onConnectFailed);
    managed.removeListener('blocked', this.#onBlocked);
    managed.removeListener('unblocked', this.#onUnblocked);
    this.#goDown();
    try {
      // A connection that is being made, or whose peer is silent, cannot be closed politely.
      if (this.source.end !== undefined) await within(CLOSE_MS, 'closing', this.source.end(amqp));
    } catch {
      this.source.destroy?.();
    }
  }

  #attach(): void {
    const amqp = this.source.connect();
    const managed = amqp.managedConnection;
    managed.on('connect', this.#onConnect);
    managed.on('disconnect', this.#onDisconnect);
    managed.on('connectFailed', this.#onConnectFailed);
    managed.on('blocked', this.#onBlocked);
    managed.on('unblocked', this.#onUnblocked);
    this.#amqp = amqp;
    if (managed.connection !== undefined) this.#onConnect({ connection: managed.connection });
  }

  // An error thrown into the emitter would be taken for a failure to connect.
  readonly #onConnect = ({ connection }: { readonly connection: unknown }): void => {
    try {
      this.#goUp(connection as RawConnection);
    } catch (error) {
      this.trouble.report(this.source.name, error);
    }
  };

  readonly #onDisconnect = ({ err }: { readonly err?: unknown }): void => {
    this.trouble.report(this.source.name, err ?? new Error('the connection was closed'));
    this.#goDown();
  };

  readonly #onConnectFailed = ({ err }: { readonly err: unknown }): void => this.trouble.report(this.source.name, err);
  readonly #onBlocked = (): void => {
    this.#blocked = true;
    this.trouble.report(this.source.name, new Error('the broker blocks publishers (memory or disk alarm)'));
  };
  readonly #onUnblocked = (): void => void (this.#blocked = false);
  // Also without a `disconnect`: the owner of an injected connection closed it.
  readonly #onClose = (): void => this.#goDown();

  #goUp(connection: RawConnection): void {
    if (this.#connection === connection) return;
    this.#goDown();
    // With Nagle's algorithm a lone wake-up and its ack take 44 ms instead of 0.5 ms.
    connection.connection?.stream?.setNoDelay?.(true);
    connection.once('close', this.#onClose);
    this.#connection = connection;
    this.#blocked = false;
    this.trouble.forget(this.source.name);
    for (const listener of this.#listeners) listener.up(connection);
  }

  #goDown(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.#blocked = false;
    connection.removeListener('close', this.#onClose);
    for (const listener of this.#listeners) listener.down();
  }
}
