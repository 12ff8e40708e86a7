import type { PublishResult, WakeUp } from '../../ports/message-transport';
import type { BrokerLink } from './broker-link';
import { ConfirmingPublisher } from './confirming.publisher';
import type { MessageCodec } from './message.codec';
import { declareExchange, routingKey, type Topology } from './topology';
import type { TroubleReporter } from './trouble.reporter';

/** Sends wake-ups, and hears which of them no queue took. */
export class WakeUpPublisher {
  readonly #publisher: ConfirmingPublisher;

  constructor(
    link: BrokerLink,
    private readonly topology: Topology,
    private readonly codec: MessageCodec,
    confirmTimeoutMs: number,
    trouble: TroubleReporter,
  ) {
    const { exchange } = topology;
    this.#publisher = new ConfirmingPublisher(
      link,
      { name: `publisher to "${exchange}"`, declare: (channel) => declareExchange(channel, exchange) },
      confirmTimeoutMs,
      trouble,
    );
  }

  get isReady(): boolean {
    return this.#publisher.isReady;
  }

  start(): void {
    this.#publisher.start();
  }

  publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    const messages = wakeUps.map((wakeUp) => ({
      exchange: this.topology.exchange,
      routingKey: routingKey(wakeUp.operation.direction, wakeUp.key),
      body: this.codec.encode(wakeUp),
      mandatory: true,
    }));
    return this.#publisher.publish(messages);
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }
}
