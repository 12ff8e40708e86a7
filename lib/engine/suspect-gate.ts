import type { WakeUp } from '../ports/message-transport';
import type { Scheduler } from '../ports/scheduler';
import { SUSPECT_TIMES, type SuspectTimes } from '../options/engine-options';
import type { ClaimTerms } from './claimer';
import type { SlotPair } from './slot-pair';
import { systemScheduler } from './system-scheduler';

/** An operation whose process never died. */
export const ORDINARY: ClaimTerms = { maxLosses: 0, alone: false };
/** One loss may be a neighbour's fault: one such operation at a time may have neighbours again. */
const BESIDE_OTHERS: ClaimTerms = { maxLosses: 1, alone: false };
const ALONE: ClaimTerms = { maxLosses: Infinity, alone: true };

/** `suspect`: it was lost more often than the terms allow. `no-slot`: nothing was claimed, because none became free in time. */
export type AttemptEnd = 'over' | 'suspect' | 'no-slot';

/** What is one too many to wait here is left to the sweeper, whose wake-ups come again. */
const MOST_SUSPECTS = 1_000;

/**
 * Where operations wait whose process died. One that lost one process runs beside others, but never two such at a time; one that
 * lost more runs alone, so that a handler that kills its process is found out and costs no neighbour its outcome.
 */
export class SuspectGate {
  private readonly waiting = new Set<string>();
  private readonly besideOthers: WakeUp[] = [];
  private readonly alone: WakeUp[] = [];
  private readonly stopping = new AbortController();
  private isServing = { besideOthers: false, alone: false };
  private patienceMs: number;

  constructor(
    private readonly slots: SlotPair,
    private readonly attempt: (wakeUp: WakeUp, terms: ClaimTerms) => Promise<AttemptEnd>,
    /** Others may be claimed again. */
    private readonly goOn: () => void,
    private readonly times: SuspectTimes = SUSPECT_TIMES,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.patienceMs = times.patienceMs;
  }

  /** Takes in a wake-up whose claim was refused as a suspect's. */
  admit(wakeUp: WakeUp): void {
    this.enqueue(this.besideOthers, wakeUp);
    if (!this.isServing.besideOthers) void this.serveBesideOthers();
  }

  /** Nobody waits here any more, and nothing is held back. What runs goes on. */
  stop(): void {
    this.stopping.abort();
    this.waiting.clear();
    this.besideOthers.length = 0;
    this.alone.length = 0;
    this.slots.resume();
  }

  private isStopped(): boolean {
    return this.stopping.signal.aborted;
  }

  private enqueue(queue: WakeUp[], wakeUp: WakeUp): void {
    const name = nameOf(wakeUp);
    if (this.isStopped() || this.waiting.has(name) || this.waiting.size >= MOST_SUSPECTS) return;
    this.waiting.add(name);
    queue.push(wakeUp);
  }

  private next(queue: WakeUp[]): WakeUp | undefined {
    const wakeUp = queue.shift();
    // Once its attempt has begun, its next wake-up may be one for another attempt.
    if (wakeUp !== undefined) this.waiting.delete(nameOf(wakeUp));
    return wakeUp;
  }

  /** How often they were lost is only known to the store: one that was lost too often for this is refused once more. */
  private async serveBesideOthers(): Promise<void> {
    this.isServing.besideOthers = true;
    for (let wakeUp = this.next(this.besideOthers); wakeUp !== undefined; wakeUp = this.next(this.besideOthers)) {
      const end = await this.attempt(wakeUp, BESIDE_OTHERS);
      if (end === 'no-slot') this.enqueue(this.besideOthers, wakeUp);
      if (end !== 'suspect') continue;
      this.enqueue(this.alone, wakeUp);
      if (!this.isServing.alone) void this.serveAlone();
    }
    this.isServing.besideOthers = false;
  }

  private async serveAlone(): Promise<void> {
    this.isServing.alone = true;
    while (this.alone.length > 0) {
      if (!(await this.clear())) continue;
      await this.runAlone();
      if (this.isStopped()) break;
      this.slots.resume();
      this.goOn();
    }
    this.isServing.alone = false;
  }

  /** True once nothing runs and nothing can begin. A process that does not become idle works on, and is asked again later. */
  private async clear(): Promise<boolean> {
    const { signal } = this.stopping;
    if (await this.slots.clear(this.patienceMs, signal)) return true;
    if (this.isStopped()) return false;
    this.slots.hold();
    if (await this.slots.clear(this.times.holdMs, signal)) return true;
    if (this.isStopped()) return false;
    // Handlers that run for hours must not keep others from being claimed for more than a small part of the time.
    this.patienceMs = Math.min(this.patienceMs * 2, this.times.longestPatienceMs);
    this.slots.resume();
    this.goOn();
    return false;
  }

  /** An idle process is dear: as many as there is time for, one after the other. */
  private async runAlone(): Promise<void> {
    this.patienceMs = this.times.patienceMs;
    const until = this.scheduler.now() + this.times.holdMs;
    do {
      const wakeUp = this.next(this.alone);
      if (wakeUp === undefined) return;
      await this.attempt(wakeUp, ALONE);
    } while (this.slots.isQuiet && this.scheduler.now() < until);
  }
}

function nameOf({ sagaId, operation: { direction, step, round } }: WakeUp): string {
  return `${sagaId} ${direction} ${step} ${round}`;
}
