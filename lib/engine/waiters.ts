import { SagaClosedError, SagaWaitTimeoutError } from '../errors';
import { isTerminal, type SagaState } from '../core/saga-value';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler, Timer } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

interface Waiter {
  readonly sagaId: string;
  readonly done: (failure?: Error) => void;
}

/** The slow poll for sagas that end in another process: one query for all waiters. */
const POLL_MS = 250;

/** Callers that wait for a saga to end, here or in another process. */
export class Waiters {
  private readonly waiting = new Set<Waiter>();
  private timer: Timer | undefined;
  private polling = false;

  constructor(
    private readonly store: SagaStore,
    private readonly observer: SagaObserver,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** Resolves when the saga is terminal or stuck. */
  async wait(sagaId: string, timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = {
        sagaId,
        done: (failure) => {
          timer.cancel();
          this.forget(waiter);
          if (failure === undefined) resolve();
          else reject(failure);
        },
      };
      const giveUp = (): void => waiter.done(new SagaWaitTimeoutError(sagaId, timeoutMs));
      const timer = this.scheduler.after(timeoutMs, giveUp, { keepsAlive: false });
      this.waiting.add(waiter);
      this.timer ??= this.scheduler.every(POLL_MS, () => void this.poll([...this.waiting]), { isRoutine: true });
      void this.poll([waiter]); // it may have ended since the caller looked
    });
  }

  ended(sagaId: string): void {
    for (const waiter of this.waiting) if (waiter.sagaId === sagaId) waiter.done();
  }

  close(): void {
    for (const waiter of this.waiting) waiter.done(new SagaClosedError('wait for a saga'));
  }

  private async poll(waiters: readonly Waiter[]): Promise<void> {
    if (waiters.length > 1 && this.polling) return;
    this.polling ||= waiters.length > 1;
    try {
      const states = await this.store.states([...new Set(waiters.map((waiter) => waiter.sagaId))]);
      for (const [sagaId, state] of states) if (returnsOn(state)) this.ended(sagaId);
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'poll for waiters', error: toError(error) });
    } finally {
      if (waiters.length > 1) this.polling = false;
    }
  }

  private forget(waiter: Waiter): void {
    this.waiting.delete(waiter);
    if (this.waiting.size > 0) return;
    this.timer?.cancel();
    this.timer = undefined;
  }
}

/** Waiters return on a stuck saga too: nothing more happens until a person acts. */
function returnsOn(state: SagaState): boolean {
  return isTerminal(state) || state === 'stuck';
}
