import type { DispatchEffect, SagaEffect } from '../core/effect';
import type { MessageTransport, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';

/** A timer later than this is left to the sweeper; so is every timer beyond the most that are kept. */
const LONGEST_TIMER_MS = 60_000;
const MOST_TIMERS = 10_000;
/** Pauses between two tries while the broker is out of reach. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** The store's clock and this process's timers are not the same; a wake-up a moment late is claimed, one a moment early is not. */
const TIMER_SLACK_MS = 5;

/**
 * Performs what was decided, after it is stored: sends wake-ups. Whatever cannot be sent is found by a sweeper; when nothing could
 * be sent for a while, what this process can do itself is done without the broker.
 */
export class Dispatcher {
  private readonly timers = new Map<string, Timer>();
  private unreachableSince: number | null = null;
  /** The last publish got no answer: a broker that takes messages and confirms none is as good as down, however connected. */
  private isSilent = false;
  private probedAt = -Infinity;
  private stopped = false;

  constructor(
    private readonly transport: MessageTransport,
    private readonly observer: SagaObserver,
    private readonly brokerFallbackMs: number,
    /** Claims and runs here, if a handler for it is here. */
    private readonly runHere: (wakeUp: WakeUp) => boolean,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** The broker has been out of reach for so long that waiting for it costs more than claiming here. */
  get inFallback(): boolean {
    const { connected, blocked } = this.transport.status();
    if (connected && !blocked && !this.isSilent) this.unreachableSince = null;
    else this.unreachableSince ??= this.scheduler.now();
    return this.unreachableSince !== null && this.scheduler.now() - this.unreachableSince >= this.brokerFallbackMs;
  }

  perform(sagaId: string, effects: readonly SagaEffect[]): void {
    const now: WakeUp[] = [];
    for (const effect of effects) {
      if (effect.type !== 'dispatch') continue;
      if (effect.inMs > 0) this.sendLater('due', wakeUpOf(sagaId, effect), effect.inMs);
      else now.push(wakeUpOf(sagaId, effect));
    }
    if (now.length > 0) void this.send(now);
  }

  /** @param pauseMs before the next try, when the broker is out of reach: a blip must not cost what the sweeper takes to notice */
  async send(wakeUps: readonly WakeUp[], pauseMs = FIRST_PAUSE_MS): Promise<void> {
    if (this.stopped) return;
    if (!this.inFallback) return this.publish(wakeUps, pauseMs);
    const others = wakeUps.filter((wakeUp) => !this.runHere(wakeUp));
    if (others.length > 0) await this.publish(others, pauseMs);
    else await this.probe(wakeUps);
  }

  private async publish(wakeUps: readonly WakeUp[], pauseMs: number): Promise<void> {
    const results = await this.transport.publish(wakeUps);
    this.isSilent = results.every((result) => result === 'unavailable');
    results.forEach((result, place) => {
      const wakeUp = wakeUps[place];
      if (wakeUp === undefined) return;
      this.observer.notify({ type: 'wake-up.sent', sagaId: wakeUp.sagaId, operation: wakeUp.operation, result });
      if (result === 'unavailable') this.sendLater('again', wakeUp, pauseMs, Math.min(pauseMs * 2, LONGEST_PAUSE_MS));
      // Nobody has declared the queue yet, as in a process that starts a saga while it boots; or somebody has deleted it.
      if (result === 'unroutable') this.runHere(wakeUp);
    });
  }

  /** Now and then one of those that run here is sent as well: a copy more harms nobody, and its confirm says that the broker is back. */
  private async probe([wakeUp]: readonly WakeUp[]): Promise<void> {
    const { connected, blocked } = this.transport.status();
    const now = this.scheduler.now();
    if (wakeUp === undefined || !connected || blocked || now - this.probedAt < this.brokerFallbackMs) return;
    this.probedAt = now;
    const [result] = await this.transport.publish([wakeUp]);
    this.isSilent = result === 'unavailable';
  }

  /** One timer of each sort for an operation: in a long outage every sweep finds it due once more. */
  private sendLater(sort: 'due' | 'again', wakeUp: WakeUp, inMs: number, pauseMs = FIRST_PAUSE_MS): void {
    const { step, direction, round } = wakeUp.operation;
    const name = `${sort} ${wakeUp.sagaId} ${direction} ${step} ${round}`;
    if (this.stopped || inMs > LONGEST_TIMER_MS || this.timers.size >= MOST_TIMERS || this.timers.has(name)) return;
    const fire = (): void => {
      this.timers.delete(name);
      void this.send([wakeUp], pauseMs);
    };
    this.timers.set(name, this.scheduler.after(inMs + TIMER_SLACK_MS, fire));
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers.values()) timer.cancel();
    this.timers.clear();
  }
}

function wakeUpOf(sagaId: string, { operation, key }: DispatchEffect): WakeUp {
  return { sagaId, operation, key };
}
