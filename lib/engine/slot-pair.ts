import type { Direction } from '../core/operation';
import type { Scheduler } from '../ports/scheduler';
import { Slots } from './slots';
import { systemScheduler } from './system-scheduler';

/** The slots of both directions as one: whether anything runs in this process, and whether anything may begin. */
export class SlotPair {
  private readonly slots: Readonly<Record<Direction, Slots>>;
  private readonly waiting = new Set<() => void>();

  constructor(
    sizes: Readonly<Record<Direction, number>>,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    const told = (): void => {
      if (this.isQuiet) for (const clear of this.waiting) clear();
    };
    this.slots = { action: new Slots(sizes.action, told, scheduler), undo: new Slots(sizes.undo, told, scheduler) };
  }

  of(direction: Direction): Slots {
    return this.slots[direction];
  }

  /** Too many handlers of one direction never settled. */
  get exhausted(): boolean {
    return this.slots.action.exhausted || this.slots.undo.exhausted;
  }

  /** No handler runs and no claim is under way. */
  get isQuiet(): boolean {
    return this.slots.action.isQuiet && this.slots.undo.isQuiet;
  }

  hold(): void {
    this.slots.action.hold();
    this.slots.undo.hold();
  }

  resume(): void {
    this.slots.action.resume();
    this.slots.undo.resume();
  }

  /** Resolves true, and holds, at the moment in which everything is quiet; false when that did not come in time. */
  async clear(waitMs: number, stop: AbortSignal): Promise<boolean> {
    if (stop.aborted) return false;
    if (this.isQuiet) {
      this.hold();
      return true;
    }
    return new Promise((resolve) => {
      const settle = (isClear: boolean): void => {
        timer.cancel();
        stop.removeEventListener('abort', giveUp);
        this.waiting.delete(clear);
        resolve(isClear);
      };
      // At once, not a turn later: whoever is told of the free slot next must find it held.
      const clear = (): void => {
        this.hold();
        settle(true);
      };
      const giveUp = (): void => settle(false);
      const timer = this.scheduler.after(waitMs, giveUp);
      this.waiting.add(clear);
      stop.addEventListener('abort', giveUp);
    });
  }

  /** Resolves when no handler holds a slot. */
  async whenIdle(): Promise<void> {
    await Promise.all([this.slots.action.whenIdle(), this.slots.undo.whenIdle()]);
  }
}
