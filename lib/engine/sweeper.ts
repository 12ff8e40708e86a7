import type { WaitOverEvent } from '../core/event';
import type { WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { SweepResult } from '../ports/sweep';
import type { Scheduler } from '../ports/scheduler';
import type { Committer } from './committer';
import type { Dispatcher } from './dispatcher';
import { withNews } from './parent-waker';
import { RESEND_MAX_MS } from '../options/engine-options';
import { announceWord } from './outside-word';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

const BATCH = 100;
/** What is due later than this, or is one too many to remember, is left to the sweeps that come anyway. */
const LONGEST_HURRY_MS = 600_000;
const MOST_HURRIES = 10_000;
/** The store's clock is another one; a look that comes a moment early finds nothing. */
const HURRY_SLACK_MS = 20;
/** While the broker is out of reach new work is looked for this often. */
const FALLBACK_POLL_MS = 500;
/** More is due; the pause caps what one process sends, and what it asks when others hold all that it finds. */
const FULL_BATCH_PAUSE_MS = 50;

export interface SweepTimes {
  readonly graceMs: number;
  readonly resendMs: number;
  readonly sweepMs: number;
}

/**
 * Finds what is due and nobody works on: lost wake-ups, lost workers, passed deadlines. Every process sweeps, nobody is elected.
 * This is what makes a lost message a delay and nothing else.
 */
export class Sweeper {
  private stopped = false;
  private hurries = 0;
  private isHurried = false;
  private wakeUp: (() => void) | undefined;
  private loop: Promise<void> | undefined;

  constructor(
    private readonly store: SagaStore,
    private readonly dispatcher: Dispatcher,
    private readonly committer: Committer,
    private readonly observer: SagaObserver,
    private readonly times: SweepTimes,
    private readonly runHere: (wakeUp: WakeUp) => boolean,
    /** Brings the signals of this name to the steps that wait for them. */
    private readonly bringSignals: (sagaId: string, name: string) => Promise<void> = () => Promise.resolve(),
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  start(): void {
    this.loop ??= this.run();
  }

  /** Looks again after `ms`, if the next look was planned for later. */
  hurry(ms: number): void {
    if (ms > LONGEST_HURRY_MS || this.hurries >= MOST_HURRIES) return;
    this.hurries++;
    const look = (): void => {
      this.hurries--;
      this.isHurried = true;
      this.wakeUp?.();
    };
    this.scheduler.after(ms + HURRY_SLACK_MS, look, { keepsAlive: false });
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wakeUp?.();
    await this.loop;
  }

  private async run(): Promise<void> {
    while (!this.stopped) await this.sleep(await this.sweepSafely());
  }

  private async sweepSafely(): Promise<number> {
    try {
      return await this.sweep();
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'sweep', error: toError(error) });
      return this.times.sweepMs;
    }
  }

  private async sweep(): Promise<number> {
    const { graceMs, resendMs, sweepMs } = this.times;
    const found = await this.store.sweep({ limit: BATCH, graceMs, resendMs, resendMaxMs: RESEND_MAX_MS });
    await this.deal(found);
    const { wakeUps, expired, waits, deadlines } = found;
    this.observer.notify({ type: 'sweep.done', wakeUps: wakeUps.length, expired: expired.length, deadlines: deadlines.length });
    if (found.nextInMs === 0 || wakeUps.length + expired.length + waits.length + deadlines.length >= BATCH) return FULL_BATCH_PAUSE_MS;
    const longest = this.dispatcher.inFallback ? Math.min(FALLBACK_POLL_MS, sweepMs) : sweepMs;
    return Math.min(found.nextInMs ?? longest, longest);
  }

  private async deal({ wakeUps, expired, waits, deadlines }: SweepResult): Promise<void> {
    for (const lease of expired) {
      const { sagaId, operation, fence, claimId, elapsedMs } = lease;
      await this.committer.commit(sagaId, { type: 'lease-expired', operation, fence, claimId, elapsedMs, seed: this.scheduler.random() });
    }
    for (const { sagaId, operation, fence, wait, isOver, elapsedMs } of await withNews(this.store, waits)) {
      if (wait.kind === 'signal') await this.bringSignals(sagaId, wait.name); // also at the end: it may have come at the last moment
      if (wait.kind === 'signal' && !isOver) continue;
      if (isOver) await this.endWait(sagaId, { type: 'wait-over', operation, fence, elapsedMs, seed: this.scheduler.random() });
      else await this.committer.commit(sagaId, { type: 'woken', operation });
    }
    for (const sagaId of deadlines) await this.committer.commit(sagaId, { type: 'deadline' });
    // The first time the wake-up may only have been lost; the second time nobody can be reached, so this process does it itself.
    const travelling = wakeUps.filter((wakeUp) => !((wakeUp.resends > 0 || this.dispatcher.inFallback) && this.runHere(wakeUp)));
    if (travelling.length > 0) await this.dispatcher.send(travelling);
  }

  private async endWait(sagaId: string, event: WaitOverEvent): Promise<void> {
    await this.committer.commit(sagaId, event, undefined, (applied) => announceWord(this.observer, applied, event));
  }

  private async sleep(ms: number): Promise<void> {
    if (this.stopped || this.isHurried) {
      this.isHurried = false;
      return;
    }
    const jittered = ms * (1 + this.scheduler.random() / 10);
    await new Promise<void>((resolve) => {
      const timer = this.scheduler.after(jittered, resolve, { isRoutine: true });
      this.wakeUp = () => {
        timer.cancel();
        resolve();
      };
    });
    this.wakeUp = undefined;
    this.isHurried = false;
  }
}
