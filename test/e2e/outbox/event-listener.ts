import { startConnection } from '../../contract/transport-broker';

export interface HeardEvent {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Somebody who listens to every event of an engine. */
export class EventListener {
  readonly heard: HeardEvent[] = [];
  private static readonly open = new Set<EventListener>();
  private readonly waiting = new Set<() => void>();

  private constructor(private readonly connection: Awaited<ReturnType<typeof startConnection>>) {}

  static async on(exchange: string): Promise<EventListener> {
    const connection = await startConnection(process.env['AMQP_URL'] ?? '');
    const listener = new EventListener(connection);
    EventListener.open.add(listener);
    const channel = await connection.managedConnection.connection?.createChannel();
    if (channel === undefined) throw new Error('there is no connection');
    await channel.assertExchange(exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.bindQueue(queue, exchange, '#');
    await channel.consume(
      queue,
      (message) => {
        if (message === null) return;
        const { messageId, type, headers } = message.properties as { messageId: string; type: string; headers: HeardEvent['headers'] };
        listener.heard.push({ id: messageId, type, headers, payload: JSON.parse(message.content.toString()) });
        for (const look of listener.waiting) look();
      },
      { noAck: true },
    );
    return listener;
  }

  /** For `afterEach`. */
  static async closeAll(): Promise<void> {
    await Promise.all([...this.open].map((one) => one.connection.managedConnection.close()));
    this.open.clear();
  }

  /** Resolves when enough has been heard. */
  async hears(isEnough: (heard: readonly HeardEvent[]) => boolean): Promise<readonly HeardEvent[]> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (!isEnough(this.heard)) return;
        this.waiting.delete(look);
        resolve();
      };
      this.waiting.add(look);
      look();
    });
    return this.heard;
  }
}
