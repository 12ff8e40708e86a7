import type { Subscription, WakeUp } from '../../ports/message-transport';

export interface Subscriber {
  readonly subscription: Subscription;
  /** Handed out, and still to come back if the subscriber goes. */
  readonly unacknowledged: Set<WakeUp>;
}

/** The wake-ups of one key and direction, in order, and those who take turns with them. */
export class WakeUpLane {
  #wakeUps: WakeUp[] = [];
  /** Place of the oldest one that waits. `shift` of a long array copies all of it. */
  #head = 0;
  #subscribers: Subscriber[] = [];
  #turn = 0;

  get waiting(): number {
    return this.#wakeUps.length - this.#head;
  }

  add(wakeUp: WakeUp): void {
    // A copy, so that the same wake-up sent twice is two.
    this.#wakeUps.push({ ...wakeUp });
  }

  join(subscriber: Subscriber): void {
    this.#subscribers.push(subscriber);
  }

  /** Answers how many subscribers are left. */
  leave(subscriber: Subscriber): number {
    this.#subscribers = this.#subscribers.filter((other) => other !== subscriber);
    return this.#subscribers.length;
  }

  /** The oldest wake-up and who has room for it; undefined when there is no such pair. */
  next(): { readonly subscriber: Subscriber; readonly wakeUp: WakeUp } | undefined {
    const wakeUp = this.#wakeUps[this.#head];
    if (wakeUp === undefined) return undefined;
    const subscriber = this.#nextWithRoom();
    if (subscriber === undefined) return undefined;
    this.#forgetOldest();
    return { subscriber, wakeUp };
  }

  #forgetOldest(): void {
    this.#head++;
    if (this.#head * 2 < this.#wakeUps.length) return;
    this.#wakeUps = this.#wakeUps.slice(this.#head);
    this.#head = 0;
  }

  #nextWithRoom(): Subscriber | undefined {
    for (let i = 0; i < this.#subscribers.length; i++) {
      const subscriber = this.#subscribers[(this.#turn + i) % this.#subscribers.length];
      if (subscriber === undefined || subscriber.unacknowledged.size >= Math.max(1, subscriber.subscription.prefetch)) continue;
      this.#turn = (this.#turn + i + 1) % this.#subscribers.length;
      return subscriber;
    }
    return undefined;
  }
}
