import type { Direction } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { Delivery, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { StepInvoker } from '../ports/step-invoker';
import type { AttemptRunner } from './attempt-runner';
import { Claimer, type ClaimTerms } from './claimer';
import { SLOT_WAIT_MS, type SuspectTimes } from '../options/engine-options';
import { SlotPair } from './slot-pair';
import { ORDINARY, SuspectGate, type AttemptEnd } from './suspect-gate';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

const MOST_TURNED_AWAY = 1_000;

/**
 * The short walk of a message: wake-up → slot → claim → acknowledge → user code → report. The acknowledgement follows the claim, not
 * the outcome: from the claim on the lease owns the work, and a redelivery cannot claim what is running.
 */
export class Workers {
  private readonly claimer: Claimer;
  private readonly slots: SlotPair;
  private readonly suspects: SuspectGate;
  private readonly turnedAway: Readonly<Record<Direction, WakeUp[]>> = { action: [], undo: [] };
  private draining = false;

  constructor(
    store: SagaStore,
    private readonly invoker: Pick<StepInvoker, 'has' | 'declarations'>,
    private readonly runner: AttemptRunner,
    private readonly observer: SagaObserver,
    identity: Identity,
    private readonly options: {
      readonly workers: Readonly<Record<Direction, number>>;
      readonly leaseMs: number;
      readonly slotWaitMs?: number;
      readonly suspects?: SuspectTimes;
    },
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.claimer = new Claimer(store, invoker, observer, identity, options.leaseMs);
    this.slots = new SlotPair(options.workers, scheduler);
    const attempt = async (wakeUp: WakeUp, terms: ClaimTerms): Promise<AttemptEnd> => this.attempt(wakeUp, terms, () => undefined);
    this.suspects = new SuspectGate(this.slots, attempt, () => this.welcomeAllBack(), options.suspects, scheduler);
  }

  /** Too many handlers outlived their timeout: nothing more is claimed until some settle. */
  get exhausted(): boolean {
    return this.slots.exhausted;
  }

  /** A wake-up from the transport. */
  receive(delivery: Delivery): void {
    if (this.draining) return; // left unacknowledged: the broker gives it to somebody else
    void this.work(delivery.wakeUp, () => delivery.ack());
  }

  /** A wake-up that this process gives itself. False when it has no handler, or no workers, for it. */
  wake(wakeUp: WakeUp): boolean {
    const { direction } = wakeUp.operation;
    if (this.draining || this.options.workers[direction] === 0 || !this.invoker.has(direction, wakeUp.key)) return false;
    void this.work(wakeUp, () => undefined);
    return true;
  }

  private async work(wakeUp: WakeUp, ack: () => void): Promise<void> {
    const end = await this.attempt(wakeUp, ORDINARY, ack);
    if (end === 'suspect') this.suspects.admit(wakeUp);
    if (end !== 'no-slot') return;
    ack();
    this.turnAway(wakeUp);
  }

  private async attempt(wakeUp: WakeUp, terms: ClaimTerms, ack: () => void): Promise<AttemptEnd> {
    const { direction } = wakeUp.operation;
    const slots = this.slots.of(direction);
    if (terms.alone) slots.takeHeld();
    else if (!(await slots.take(this.options.slotWaitMs ?? SLOT_WAIT_MS))) return 'no-slot';
    try {
      if (this.draining) return 'over'; // left unacknowledged, as above
      const sentAt = this.scheduler.now();
      const result = await this.claimer.claim(wakeUp, terms);
      ack();
      if (result?.kind === 'claimed') await this.runner.run(result.claim, slots, sentAt);
      return result?.kind === 'refused' && result.reason === 'suspect' ? 'suspect' : 'over';
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'worker', error: toError(error) });
      return 'over';
    } finally {
      slots.release();
      this.welcomeBack(direction);
    }
  }

  /** Remembered, up to a bound, so that a slot that becomes free is not empty until a sweeper comes by. */
  private turnAway(wakeUp: WakeUp): void {
    const { sagaId, operation } = wakeUp;
    this.observer.notify({ type: 'operation.refused', sagaId, operation, reason: 'no-slot' });
    const waiting = this.turnedAway[operation.direction];
    if (waiting.length < MOST_TURNED_AWAY) waiting.push(wakeUp);
  }

  private welcomeBack(direction: Direction): void {
    const wakeUp = this.turnedAway[direction].shift();
    if (wakeUp !== undefined) this.wake(wakeUp);
  }

  /** After a time in which nothing was claimed every slot is free, not only one. */
  private welcomeAllBack(): void {
    for (const direction of ['action', 'undo'] as const) {
      for (let slot = 0; slot < this.options.workers[direction]; slot++) this.welcomeBack(direction);
    }
  }

  /** Claims nothing more. Resolves when no handler runs. */
  async drain(): Promise<void> {
    this.draining = true;
    this.suspects.stop();
    await this.slots.whenIdle();
  }
}
