import type { Direction } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { Delivery, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { StepInvoker } from '../ports/step-invoker';
import { outsideOfCallers } from './handler-scope';
import type { AttemptRunner } from './attempt-runner';
import { ChainRunner } from './chain-runner';
import { ChainSeat } from './chain-seat';
import { Claimer, type ClaimTerms } from './claimer';
import { SLOT_WAIT_MS, type SuspectTimes } from '../options/engine-options';
import { SlotPair } from './slot-pair';
import type { StartSeat } from './start-seat';
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
  private readonly chains: ChainRunner;
  private readonly suspects: SuspectGate;
  private readonly turnedAway: Readonly<Record<Direction, WakeUp[]>> = { action: [], undo: [] };
  private draining = false;
  private readonly apart = outsideOfCallers();

  constructor(
    store: SagaStore,
    private readonly invoker: Pick<StepInvoker, 'has' | 'declarations'>,
    runner: AttemptRunner,
    private readonly observer: SagaObserver,
    identity: Identity,
    private readonly options: {
      readonly workers: Readonly<Record<Direction, number>>;
      readonly dispatch: 'chain' | 'broker';
      readonly leaseMs: number;
      readonly slotWaitMs?: number;
      readonly suspects?: SuspectTimes;
    },
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.claimer = new Claimer(store, invoker, observer, identity, options.leaseMs);
    this.slots = new SlotPair(options.workers, scheduler);
    const isWaitedFor = (direction: Direction): boolean => this.turnedAway[direction].length > 0;
    this.chains = new ChainRunner(runner, this.claimer, options.dispatch, isWaitedFor, scheduler);
    const attempt = async (wakeUp: WakeUp, terms: ClaimTerms): Promise<AttemptEnd> => this.attempt(wakeUp, terms, () => undefined);
    this.suspects = new SuspectGate(this.slots, attempt, () => this.welcomeAllBack(), options.suspects, scheduler);
  }

  /** Too many handlers outlived their timeout: nothing more is claimed until some settle. */
  get exhausted(): boolean {
    return this.slots.exhausted;
  }

  /** A handler of this saga runs here, or its report is on its way. */
  isRunning(sagaId: string): boolean {
    return this.chains.isRunning(sagaId);
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
    const seat = this.seatIn(direction);
    try {
      if (this.draining) return 'over'; // left unacknowledged, as above
      const sentAt = this.scheduler.now();
      const result = await this.claimer.claim(wakeUp, terms);
      ack();
      if (result?.kind === 'claimed') await this.chains.run({ claim: result.claim, sentAt }, seat, !terms.alone);
      return result?.kind === 'refused' && result.reason === 'suspect' ? 'suspect' : 'over';
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'worker', error: toError(error) });
      return 'over';
    } finally {
      seat.leave();
    }
  }

  private seatIn(direction: Direction): ChainSeat {
    return new ChainSeat(this.slots, direction, (freed) => this.welcomeBack(freed));
  }

  /**
   * A saga is about to start here: its first operation is claimed with it if there is a slot that nobody waits for. Whoever asks says
   * what became of it, once.
   */
  seatForStart(): StartSeat | null {
    const slots = this.slots.of('action');
    const isWaitedFor = slots.isWaitedFor || this.turnedAway.action.length > 0;
    if (!this.chains.mayBegin || isWaitedFor || !slots.tryTake()) return null;
    const seat = this.seatIn('action');
    const sentAt = this.scheduler.now();
    return {
      offer: this.chains.offer(seat),
      leave: () => seat.leave(),
      begin: (claim) => {
        this.claimer.announce(claim);
        seat.moveOn(claim.operation.direction);
        // Its handlers are nobody's guests: they must not see the request, or the transaction, that the caller's async context holds.
        void this.apart(() => this.chains.run({ claim, sentAt }, seat, true))
          .catch((error: unknown) => this.observer.notify({ type: 'engine.trouble', where: 'worker', error: toError(error) }))
          .finally(() => seat.leave());
      },
    };
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
    this.chains.drain();
    this.suspects.stop();
    await this.slots.whenIdle();
  }
}
