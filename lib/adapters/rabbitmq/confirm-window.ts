import type { PublishResult } from '../../ports/message-transport';
import { CONTENT_TYPE } from './message.codec';
import type { OutgoingMessage } from './outgoing-message';
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

  /** `tag` names the message here, whatever its id is. Throws what the client throws; then this window must be abandoned. */
  send(tag: string, { exchange, routingKey, body, ...given }: OutgoingMessage, settle: Settle): void {
    this.#unconfirmed.set(tag, { settle, sentAt: performance.now(), returned: false });
    const properties = { persistent: true, contentType: CONTENT_TYPE, messageId: tag, ...given };
    this.channel.publish(exchange, routingKey, body, properties, (error) => {
      this.#lastConfirmAt = performance.now();
      this.#end(tag, (sent) => (error ? 'unavailable' : sent.returned ? 'unroutable' : 'sent'));
    });
  }

  /** Gives these up. Answers whether the broker has confirmed nothing at all since one of them was sent. */
  expire(tags: readonly string[]): boolean {
    let isStalled = false;
    for (const tag of tags) this.#end(tag, (sent) => ((isStalled ||= this.#lastConfirmAt < sent.sentAt), 'unavailable'));
    return isStalled;
  }

  abandon(): void {
    for (const tag of [...this.#unconfirmed.keys()]) this.#end(tag, () => 'unavailable');
  }

  async empty(): Promise<void> {
    if (this.#unconfirmed.size > 0) await new Promise<void>((resolve) => (this.#onEmpty = resolve));
  }

  #end(tag: string, resultOf: (sent: Unconfirmed) => PublishResult): void {
    const sent = this.#unconfirmed.get(tag);
    if (sent === undefined) return;
    this.#unconfirmed.delete(tag);
    sent.settle(resultOf(sent));
    if (this.#unconfirmed.size === 0) this.#onEmpty?.();
  }
}
