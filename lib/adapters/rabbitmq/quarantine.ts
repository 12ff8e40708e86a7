import type { Subscription } from '../../ports/message-transport';
import type { QuarantinedMessage } from '../../ports/saga-store';
import { Backoff } from './backoff';
import type { RawMessage } from './raw-channel';
import type { TroubleReporter } from './trouble.reporter';

const HEAD_BYTES = 65_536;

export interface Unreadable {
  readonly message: RawMessage;
  /** The queue. */
  readonly source: string;
  readonly reason: string;
  readonly ack: () => unknown;
  /** False once the channel is gone: the broker will deliver the message again. */
  readonly isHeld: () => boolean;
}

/**
 * Has a message that nobody understands kept, then acknowledges it. While it cannot be kept (the database is down) it stays with
 * us unacknowledged; requeued, it would come back at once, and go round for ever.
 */
export class Quarantine {
  constructor(
    private readonly keep: Subscription['onUnreadable'],
    private readonly trouble: TroubleReporter,
  ) {}

  take(unreadable: Unreadable): void {
    void this.#keepThenAck(unreadable, quarantined(unreadable), new Backoff());
  }

  async #keepThenAck(unreadable: Unreadable, message: QuarantinedMessage, backoff: Backoff): Promise<void> {
    try {
      await this.keep(message);
      unreadable.ack();
    } catch (error) {
      this.trouble.reportSeldom(`quarantine of a message from "${unreadable.source}"`, error);
      const again = (): void => void (unreadable.isHeld() && this.#keepThenAck(unreadable, message, backoff));
      setTimeout(again, backoff.nextMs()).unref();
    }
  }
}

function quarantined({ message, source, reason }: Unreadable): QuarantinedMessage {
  const { content, properties } = message;
  return {
    source,
    reason,
    messageId: typeof properties.messageId === 'string' ? printable(properties.messageId) : null,
    // A copy: a view would keep the whole body in memory.
    bodyHead: Uint8Array.from(content.subarray(0, HEAD_BYTES)),
    bodySize: content.byteLength,
  };
}

// A stranger chose it, and a NUL in it cannot even be stored.
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 255);
}
