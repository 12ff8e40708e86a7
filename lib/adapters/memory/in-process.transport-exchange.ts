import type { Direction } from '../../core/operation';
import type { Delivery, PublishResult, WakeUp } from '../../ports/message-transport';
import type { NoticeEar } from '../../ports/notice-board';
import type { StoredEvent } from '../../ports/outbox-event';
import { WakeUpLane, type Subscriber } from './in-process.transport-lane';

const MAX_WAITING = 100_000;

/**
 * Brings wake-ups to those who asked for their key, in turn. What nobody has room for waits here, up to a bound beyond which it is
 * refused: a lost wake-up is only a delay, a full memory is the end.
 */
export class InProcessExchange {
  readonly #lanes = new Map<string, WakeUpLane>();
  readonly #ears = new Map<string, Set<NoticeEar>>();
  #waiting = 0;
  #handOut: NodeJS.Immediate | undefined;

  constructor(private readonly onEvent: (event: StoredEvent) => void = () => undefined) {}

  publish(wakeUp: WakeUp): PublishResult {
    const lane = this.#lanes.get(laneName(wakeUp.operation.direction, wakeUp.key));
    if (lane === undefined) return 'unroutable';
    if (this.#waiting >= MAX_WAITING) return 'unavailable';
    this.#enqueue(lane, wakeUp);
    return 'sent';
  }

  add(subscriber: Subscriber): void {
    for (const name of laneNames(subscriber)) {
      const lane = this.#lanes.get(name) ?? new WakeUpLane();
      this.#lanes.set(name, lane);
      lane.join(subscriber);
    }
    this.#schedule();
  }

  remove(subscriber: Subscriber): void {
    for (const name of laneNames(subscriber)) {
      const lane = this.#lanes.get(name);
      if (lane === undefined || lane.leave(subscriber) > 0) continue;
      this.#lanes.delete(name);
      this.#waiting -= lane.waiting;
    }
  }

  /** Gives what this subscriber never acknowledged to others, if there are any. */
  takeBack(subscriber: Subscriber): void {
    const returned = [...subscriber.unacknowledged];
    subscriber.unacknowledged.clear();
    for (const wakeUp of returned) this.publish(wakeUp);
  }

  /** Not at once either: whoever publishes must never run those who listen. */
  announce(event: StoredEvent): void {
    setImmediate(() => {
      try {
        this.onEvent(event);
      } catch {
        // A listener has no say in what is announced.
      }
    });
  }

  follow(topic: string, ear: NoticeEar): void {
    const ears = this.#ears.get(topic) ?? new Set();
    this.#ears.set(topic, ears.add(ear));
    ear.onFollowed(topic);
  }

  unfollow(topic: string, ear: NoticeEar): void {
    const ears = this.#ears.get(topic);
    if (ears?.delete(ear) === true && ears.size === 0) this.#ears.delete(topic);
  }

  /** Not at once either. */
  tell(topic: string, text: string): void {
    if (!this.#ears.has(topic)) return;
    setImmediate(() => {
      for (const ear of this.#ears.get(topic) ?? []) ear.onNotice(topic, text);
    });
  }

  #enqueue(lane: WakeUpLane, wakeUp: WakeUp): void {
    lane.add(wakeUp);
    this.#waiting++;
    this.#schedule();
  }

  // Not at once: a publisher must never run its subscribers, and input and output must get their turn between two rounds.
  #schedule(): void {
    if (this.#waiting > 0) this.#handOut ??= setImmediate(() => this.#round());
  }

  #round(): void {
    this.#handOut = undefined;
    let isMoving = true;
    while (isMoving) {
      isMoving = false;
      for (const lane of this.#lanes.values()) isMoving = this.#handOutOne(lane) || isMoving;
    }
  }

  #handOutOne(lane: WakeUpLane): boolean {
    const next = lane.next();
    if (next === undefined) return false;
    this.#waiting--;
    const { subscriber, wakeUp } = next;
    subscriber.unacknowledged.add(wakeUp);
    try {
      subscriber.subscription.onDelivery(this.#delivery(subscriber, wakeUp));
    } catch {
      // It stays unacknowledged, as on a broker.
    }
    return true;
  }

  #delivery(subscriber: Subscriber, wakeUp: WakeUp): Delivery {
    return {
      wakeUp,
      ack: () => {
        if (subscriber.unacknowledged.delete(wakeUp)) this.#schedule();
      },
    };
  }
}

function laneName(direction: Direction, key: string): string {
  return `${direction} ${key}`;
}

function laneNames({ subscription: { direction, keys } }: Subscriber): readonly string[] {
  return [...new Set(keys)].map((key) => laneName(direction, key));
}
