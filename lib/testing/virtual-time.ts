import type { Scheduler, Timer, TimerTraits } from '../ports/scheduler';

interface Waiting {
  readonly owner: Scheduler;
  readonly fire: () => void;
  readonly isRoutine: boolean;
  /** Of one that comes again and again. */
  readonly everyMs: number | null;
  at: number;
}

/**
 * Time that passes only when it is told to. It goes from one moment in which something is to happen to the next; what merely looks
 * around now and then (`isRoutine`) looks once at each such moment, however long the way there was.
 */
export class VirtualTime {
  private time: number;
  private readonly waiting = new Set<Waiting>();

  constructor(
    startAt: number,
    private readonly chance: number,
    /** Something has happened. */
    private readonly onFire: () => void,
  ) {
    this.time = startAt;
  }

  /** Milliseconds since 1970. */
  get now(): number {
    return this.time;
  }

  /** One process's sense of it. */
  scheduler(): Scheduler {
    const owner: Scheduler = {
      now: () => this.time,
      random: () => this.chance,
      after: (ms, fire, traits) => this.add(owner, ms, fire, null, traits),
      every: (ms, fire, traits) => this.add(owner, ms, fire, ms, traits),
    };
    return owner;
  }

  /** The process is gone, and its timers with it. */
  forget(owner: Scheduler): void {
    for (const timer of this.waiting) if (timer.owner === owner) this.waiting.delete(timer);
  }

  /** When the next timer fires; null when there is none. */
  next({ isRoutine }: { readonly isRoutine: boolean }): number | null {
    const times = [...this.waiting].filter((timer) => timer.isRoutine === isRoutine).map(({ at }) => at);
    const next = Math.min(...times);
    return next === Infinity ? null : next;
  }

  /** Goes there, and lets fire what is due by then; whoever looks around now and then looks at once. */
  goTo(at: number): void {
    this.time = Math.max(this.time, at);
    const due = [...this.waiting].filter((timer) => timer.isRoutine || timer.at <= this.time).sort((a, b) => a.at - b.at);
    for (const timer of due) this.fire(timer);
  }

  private fire(timer: Waiting): void {
    if (!this.waiting.has(timer)) return; // one before it has cancelled it
    if (timer.everyMs === null) this.waiting.delete(timer);
    else timer.at = this.time + timer.everyMs;
    this.onFire();
    timer.fire();
  }

  private add(owner: Scheduler, ms: number, fire: () => void, everyMs: number | null, { isRoutine = false }: TimerTraits = {}): Timer {
    const timer: Waiting = { owner, fire, isRoutine, everyMs, at: this.time + Math.max(0, ms) };
    this.waiting.add(timer);
    return { cancel: () => this.waiting.delete(timer) };
  }
}
