/** A message that is to be confirmed. Always persistent, and JSON. */
export interface OutgoingMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** Comes back as unroutable when no queue takes it. Needs a `messageId` of the publisher's own. */
  readonly mandatory: boolean;
  /** Default: one of the publisher's own, different for each message. */
  readonly messageId?: string;
  readonly type?: string;
  /** In seconds since 1970. */
  readonly timestamp?: number;
  readonly headers?: Readonly<Record<string, string | number>>;
}
