import { SagaTestError } from './saga-test.error';
import { runningHere } from './stillness';
import type { VirtualTime } from './virtual-time';
import type { Scheduler } from '../ports/scheduler';

/** The clock of a test kit: the store's, and that of every process. It stands still unless it is moved. */
export class VirtualClock {
  private readonly scheduler: Scheduler;

  constructor(
    private readonly time: VirtualTime,
    private readonly pass: (until: number) => Promise<void>,
  ) {
    this.scheduler = time.scheduler();
  }

  /** Milliseconds since 1970. */
  now(): number {
    return this.time.now;
  }

  date(): Date {
    return new Date(this.time.now);
  }

  /**
   * Lets so many milliseconds pass. What falls due meanwhile happens, each thing at its time, and has ended when this resolves.
   *
   * @example
   * await kit.clock.advance(15 * 60_000);
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && Number.isFinite(ms))) throw new SagaTestError(`clock.advance() takes milliseconds, 0 or more, not ${String(ms)}`);
    if (runningHere() !== undefined)
      throw new SagaTestError('a handler cannot move the clock that it runs under; let it await clock.sleep(ms) instead');
    await this.pass(this.time.now + ms);
  }

  /**
   * For the handlers of a test: resolves when so much virtual time has passed. Other things go on meanwhile, as they do beside a slow handler.
   *
   * @param signal ends the sleep with its reason, as `ctx.signal` does with many clients
   */
  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const running = runningHere();
    running?.pause();
    try {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => {
          timer.cancel();
          reject(signal?.reason as Error);
        };
        const timer = this.scheduler.after(ms, () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        });
        if (signal?.aborted === true) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      });
    } finally {
      running?.resume();
    }
  }
}
