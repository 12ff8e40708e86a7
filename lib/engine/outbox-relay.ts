import type { MessageTransport } from '../ports/message-transport';
import type { ReturnedEvent, StoredEvent } from '../ports/outbox-event';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

const BATCH = 100;
const BATCH_BYTES = 4_194_304;
/** While the broker is out of reach the store is not asked; this is how often the transport is. */
const UNREACHABLE_MS = 250;
const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 60_000;
/** What was refused so often may be what its neighbours fail of: from then on they come back apart. */
const TRIES_TOGETHER = 4;

export interface RelayTimes {
  readonly leaseMs: number;
  readonly sweepMs: number;
}

/**
 * Announces what is in the outbox, the oldest first, and removes what the broker has confirmed. Every process relays, nobody is
 * elected: a batch is leased, so that nothing is held in the store while the network is waited for, and what a process that died
 * had taken comes back. An event may be announced more than once, always under the same id.
 */
export class OutboxRelay {
  private stopped = false;
  private isHurried = false;
  private wakeUp: (() => void) | undefined;
  private loop: Promise<void> | undefined;
  /** Announced, and perhaps still in the outbox because the store was out. */
  private confirmed: readonly string[] = [];

  constructor(
    private readonly store: SagaStore,
    private readonly transport: MessageTransport,
    private readonly observer: SagaObserver,
    private readonly times: RelayTimes,
    private readonly taker: string,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  start(): void {
    this.loop ??= this.run();
  }

  /** Something was committed here. */
  hurry(): void {
    this.isHurried = true;
    this.wakeUp?.();
  }

  /** Ends after one more round, if something was committed since the last one. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.wakeUp?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped || this.isHurried) await this.sleep(await this.relaySafely());
  }

  private async relaySafely(): Promise<number> {
    this.isHurried = false;
    try {
      return await this.relay();
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'outbox', error: toError(error) });
      return this.times.sweepMs;
    }
  }

  /** Answers how long to wait for the next round. */
  private async relay(): Promise<number> {
    const { leaseMs, sweepMs } = this.times;
    await this.drop(this.confirmed);
    const { connected, blocked } = this.transport.status();
    if (!connected || blocked) return Math.min(UNREACHABLE_MS, sweepMs);
    const events = await this.store.takeEvents({ taker: this.taker, limit: BATCH, maxBytes: BATCH_BYTES, leaseMs });
    if (events.length === 0) return sweepMs;
    const results = await this.transport.publishEvents(events);
    const kept = events.filter((_, place) => results[place] !== 'sent');
    for (const event of events) if (!kept.includes(event)) this.announced(event);
    const returned = kept.map((event): ReturnedEvent => ({ id: event.id, inMs: delayAfter(event.tries, this.scheduler.random()) }));
    await Promise.all([this.drop(this.confirmed), this.giveBack(returned)]);
    return returned.length === 0 ? 0 : Math.min(sweepMs, ...returned.map(({ inMs }) => inMs));
  }

  private announced({ id, type }: StoredEvent): void {
    this.confirmed = [...this.confirmed, id];
    this.observer.notify({ type: 'event.published', eventId: id, eventType: type });
  }

  private async drop(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.store.dropEvents(ids);
    this.confirmed = [];
  }

  private async giveBack(events: readonly ReturnedEvent[]): Promise<void> {
    if (events.length === 0) return;
    const error = new Error(`${events.length} events could not be announced; they are kept and tried again`);
    this.observer.notify({ type: 'engine.trouble', where: 'outbox', error });
    await this.store.returnEvents(this.taker, events);
  }

  private async sleep(ms: number): Promise<void> {
    if (this.stopped || this.isHurried || ms === 0) return;
    const jittered = ms * (1 + this.scheduler.random() / 10);
    await new Promise<void>((resolve) => {
      const timer = this.scheduler.after(jittered, resolve, { isRoutine: true });
      this.wakeUp = () => {
        timer.cancel();
        resolve();
      };
    });
    this.wakeUp = undefined;
  }
}

function delayAfter(tries: number, random: number): number {
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries - 1, 30));
  return tries < TRIES_TOGETHER ? delay : delay * (0.5 + random);
}
