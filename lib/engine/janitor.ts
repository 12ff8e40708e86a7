import type { SagaObserver } from '../ports/saga-observer';
import type { PurgeRequest, SagaStore } from '../ports/saga-store';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

const BATCH = 200;
const EVERY_MS = 60_000;
/** Between two batches: a purge must not crowd out the work. */
const PAUSE_MS = 100;

/** Removes what has been kept long enough, in small batches, in every process. */
export class Janitor {
  private timer: Timer | undefined;
  private stopped = false;
  private cleaning: Promise<void> = Promise.resolve();

  constructor(
    private readonly store: SagaStore,
    private readonly observer: SagaObserver,
    private readonly retention: Omit<PurgeRequest, 'limit'>,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  start(): void {
    const { finishedMs, quarantinedMs } = this.retention;
    if (finishedMs !== null || quarantinedMs !== null) this.cleanIn(this.scheduler.random() * Math.min(EVERY_MS, finishedMs ?? EVERY_MS));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.cleaning;
  }

  private cleanIn(ms: number): void {
    if (this.stopped) return;
    const clean = (): void => {
      this.cleaning = this.clean();
    };
    this.timer = this.scheduler.after(ms, clean, { keepsAlive: false, isRoutine: true });
  }

  private async clean(): Promise<void> {
    let isFull = false;
    try {
      const { sagas, messages } = await this.store.purge({ limit: BATCH, ...this.retention });
      isFull = sagas === BATCH || messages === BATCH;
      if (sagas + messages > 0) this.observer.notify({ type: 'purge.done', sagas, messages });
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'purge', error: toError(error) });
    }
    this.cleanIn(isFull ? PAUSE_MS : EVERY_MS);
  }
}
