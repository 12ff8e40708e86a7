import type { Scheduler } from '../ports/scheduler';
import { systemScheduler } from './system-scheduler';

/**
 * How many handlers run at once. A handler that outlives its attempt leaves its slot but is still counted: when as many are left
 * over as there are slots, nothing more is claimed, or a hanging dependency would fill the process with them.
 */
export class Slots {
  private taken = 0;
  private leftOver = 0;
  private held = false;
  private readonly waiting = new Set<() => void>();
  private readonly idle = new Set<() => void>();

  constructor(
    private readonly size: number,
    private readonly onQuiet: () => void = () => undefined,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** No handler runs, not even one that outlived its attempt, and none is about to. */
  get isQuiet(): boolean {
    return this.taken === 0 && this.leftOver === 0;
  }

  /** Too many handlers never settled; nothing can be claimed until some do. */
  get exhausted(): boolean {
    return this.size > 0 && this.leftOver >= this.size;
  }

  /** Resolves true when a slot is taken, false when none became free in time. */
  async take(waitMs: number): Promise<boolean> {
    if (this.tryTake()) return true;
    return new Promise((resolve) => {
      const settle = (taken: boolean): void => {
        timer.cancel();
        this.waiting.delete(wake);
        resolve(taken);
      };
      const wake = (): void => {
        if (this.tryTake()) settle(true);
      };
      const timer = this.scheduler.after(waitMs, () => settle(false));
      this.waiting.add(wake);
    });
  }

  /** Nothing is to begin at this moment, although slots may be free. */
  get isHeld(): boolean {
    return this.held;
  }

  /** Somebody waits for a slot. */
  get isWaitedFor(): boolean {
    return this.waiting.size > 0;
  }

  /** Takes a slot if one is free. */
  tryTake(): boolean {
    if (this.held || this.taken >= this.size || this.exhausted) return false;
    this.taken++;
    return true;
  }

  /** Gives no slot out until `resume`; who asks waits as if all were taken. */
  hold(): void {
    this.held = true;
  }

  resume(): void {
    this.held = false;
    this.wakeNext();
  }

  /** The one slot that is given out while the others are held. */
  takeHeld(): void {
    this.taken++;
  }

  release(): void {
    this.taken--;
    this.wakeNext();
    if (this.taken === 0) for (const resolve of this.idle) resolve();
    if (this.isQuiet) this.onQuiet();
  }

  /** Counts a handler that still runs although its attempt is over, until it settles. */
  leaveBehind(handler: Promise<unknown>): void {
    this.leftOver++;
    const settled = (): void => {
      this.leftOver--;
      this.wakeNext();
      if (this.isQuiet) this.onQuiet();
    };
    handler.then(settled, settled);
  }

  private wakeNext(): void {
    for (const wake of this.waiting) wake();
  }

  /** Resolves when no handler runs. */
  async whenIdle(): Promise<void> {
    if (this.taken === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.idle.delete(done);
        resolve();
      };
      this.idle.add(done);
    });
  }
}
