/**
 * What we use of amqplib, in our own words: its types stay out of the published declarations, and 0.10, 1.x and 2.x all fit.
 */
export interface RawConnection {
  createChannel(): Promise<RawPlainChannel>;
  createConfirmChannel(): Promise<RawConfirmChannel>;
  once(event: 'close', listener: () => void): unknown;
  removeListener(event: 'close', listener: () => void): unknown;
  /** The socket is two private fields away. */
  readonly connection?: { readonly stream?: { setNoDelay?(on: boolean): unknown } };
}

export interface RawChannel {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close', listener: () => void): unknown;
  on(event: 'return', listener: (message: RawMessage) => void): unknown;
  assertExchange(exchange: string, type: string, options: { readonly durable: boolean }): Promise<unknown>;
  assertQueue(
    queue: string,
    options: {
      readonly durable: boolean;
      readonly exclusive?: boolean;
      readonly autoDelete?: boolean;
      readonly arguments: Record<string, unknown>;
    },
  ): Promise<{ readonly queue: string; readonly consumerCount: number }>;
  bindQueue(queue: string, exchange: string, pattern: string): Promise<unknown>;
  unbindQueue(queue: string, exchange: string, pattern: string): Promise<unknown>;
  prefetch(count: number, global: boolean): Promise<unknown>;
  /** `null`: the server cancelled the consumer. */
  consume(
    queue: string,
    onMessage: (message: RawMessage | null) => void,
    options: { readonly noAck: boolean },
  ): Promise<{ readonly consumerTag: string }>;
  cancel(consumerTag: string): Promise<unknown>;
  ack(message: RawMessage): void;
  close(): Promise<unknown>;
}

export interface RawConfirmChannel extends RawChannel {
  publish(exchange: string, routingKey: string, content: Buffer, properties: RawProperties, onConfirm: (error: unknown) => void): boolean;
}

/** Without confirms. */
export interface RawPlainChannel extends RawChannel {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'close' | 'drain', listener: () => void): unknown;
  on(event: 'return', listener: (message: RawMessage) => void): unknown;
  /** False: the socket is full. */
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    properties: { readonly persistent: boolean; readonly contentType: string },
  ): boolean;
}

export interface RawProperties {
  readonly mandatory: boolean;
  readonly persistent: boolean;
  readonly contentType: string;
  readonly messageId: string;
  readonly type?: string;
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, string | number>>;
}

/** Whatever arrives was written by somebody else: every property is unknown until it was looked at. */
export interface RawMessage {
  readonly content: Buffer;
  readonly fields?: { readonly routingKey?: unknown };
  readonly properties: { readonly contentType?: unknown; readonly contentEncoding?: unknown; readonly messageId?: unknown };
}
