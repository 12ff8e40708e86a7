import type { PublishResult } from '../../ports/message-transport';
import { CONTENT_TYPE } from './message.codec';
import type { RawConfirmChannel } from './raw-channel';

export type Settle = (result: PublishResult) => void;

interface Unconfirmed {
  readonly settle: Settle;
  readonly sentAt: number;
  returned: boolean;
}

/**
 * What one confirm channel has sent and not yet heard of. It ends with its channel: amqplib drops some callbacks when a channel
 * closes, and after a throw while encoding it hands each confirm to the wrong message, so nobody may go on with such a channel.
 */
export class ConfirmWindow {
  readonly #unconfirmed = new Map<string, Unconfirmed>();
  #lastConfirmAt = 0;
  #onEmpty: (() => void) | undefined;

  constructor(private readonly channel: RawConfirmChannel) {
    // A message that no queue took is returned first, and confirmed all the same.
    channel.on('return', ({ properties }) => {
      const sent = this.#unconfirmed.get(String(properties.messageId));
      if (sent !== undefined) sent.returned = true;
    });
  }

  get size(): number {
    return this.#unconfirmed.size;
  }

  /** Throws what the client throws; then this window must be abandoned. */
  send(exchange: string, routingKey: string, messageId: string, body: Buffer, settle: Settle): void {
    this.#unconfirmed.set(messageId, { settle, sentAt: performance.now(), returned: false });
    const properties = { mandatory: true, persistent: true, contentType: CONTENT_TYPE, messageId };
    this.channel.publish(exchange, routingKey, body, properties, (error) => {
      this.#lastConfirmAt = performance.now();
      this.#end(messageId, (sent) => (error ? 'unavailable' : sent.returned ? 'unroutable' : 'sent'));
    });
  }

  /** Gives these up. Answers whether the broker has confirmed nothing at all since one of them was sent. */
  expire(messageIds: readonly string[]): boolean {
    let isStalled = false;
    for (const id of messageIds) this.#end(id, (sent) => ((isStalled ||= this.#lastConfirmAt < sent.sentAt), 'unavailable'));
    return isStalled;
  }

  abandon(): void {
    for (const id of [...this.#unconfirmed.keys()]) this.#end(id, () => 'unavailable');
  }

  async empty(): Promise<void> {
    if (this.#unconfirmed.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  #end(messageId: string, resultOf: (sent: Unconfirmed) => PublishResult): void {
    const sent = this.#unconfirmed.get(messageId);
    if (sent === undefined) return;
    this.#unconfirmed.delete(messageId);
    sent.settle(resultOf(sent));
    if (this.#unconfirmed.size === 0) this.#onEmpty?.();
  }
}
