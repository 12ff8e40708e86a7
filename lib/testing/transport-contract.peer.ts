import type { Direction } from '../core/operation';
import type { Delivery, MessageTransport, PublishResult, WakeUp } from '../ports/message-transport';
import type { StoredEvent } from '../ports/outbox-event';
import type { QuarantinedMessage } from '../ports/saga-store';
import { eventually } from './transport-contract.eventually';

export interface PeerOptions {
  readonly action?: readonly string[];
  readonly undo?: readonly string[];
  readonly prefetch?: number;
  /** Acknowledges each delivery as it comes. */
  readonly acks?: boolean;
}

/** One process of the contract: a transport and what it has received. */
export class Peer {
  readonly received: Record<Direction, Delivery[]> = { action: [], undo: [] };
  readonly quarantined: QuarantinedMessage[] = [];

  constructor(
    readonly transport: MessageTransport,
    private readonly options: PeerOptions,
  ) {}

  get actions(): readonly Delivery[] {
    return this.received.action;
  }

  get undos(): readonly Delivery[] {
    return this.received.undo;
  }

  async join(): Promise<this> {
    this.subscribe();
    await this.transport.open();
    await this.inPlace();
    return this;
  }

  subscribe(): void {
    for (const direction of this.#directions()) {
      this.transport.consume({
        direction,
        keys: this.options[direction] ?? [],
        prefetch: this.options.prefetch ?? 10,
        onDelivery: (delivery) => {
          this.received[direction].push(delivery);
          if (this.options.acks === true) delivery.ack();
        },
        onUnreadable: async (message) => void this.quarantined.push(message),
      });
    }
  }

  inPlace(): Promise<void> {
    return eventually('every consumer is in place', () => {
      const { connected, consuming } = this.transport.status();
      return connected && this.#directions().every((direction) => consuming.includes(direction));
    });
  }

  hasReceived(count: number, direction: Direction = 'action'): Promise<void> {
    return eventually(`${count} deliveries`, () => this.received[direction].length >= count);
  }

  async publish(...wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    return this.transport.publish(wakeUps);
  }

  /** As soon as it can: being connected says nothing of the way that events take. */
  async announce(...events: readonly StoredEvent[]): Promise<readonly string[]> {
    let results: readonly string[] = [];
    let isAsked = false;
    await eventually('the events are announced', () => {
      if (results.includes('sent')) return true;
      if (!isAsked) {
        isAsked = true;
        void this.transport.publishEvents(events).then((answers) => {
          results = answers;
          isAsked = false;
        });
      }
      return false;
    });
    return results;
  }

  #directions(): readonly Direction[] {
    return (['action', 'undo'] as const).filter((direction) => this.options[direction] !== undefined);
  }
}

/** A wake-up of the saga with this number. */
export function wakeUp(number: number, key: string, direction: Direction = 'action'): WakeUp {
  return { sagaId: `01J${String(number).padStart(23, '0')}`, operation: { step: number % 7, direction, round: 0 }, key };
}

export function numbersOf(deliveries: readonly Delivery[]): readonly number[] {
  return deliveries.map((delivery) => Number(delivery.wakeUp.sagaId.slice(3)));
}
