import { PLAN_FORMAT } from '../core/plan';
import { keyOf } from '../core/draft';
import type { Direction } from '../core/operation';
import type { Identity } from '../ports/identity';
import type { Delivery, WakeUp } from '../ports/message-transport';
import type { SagaObserver } from '../ports/saga-observer';
import type { Claim, SagaStore } from '../ports/saga-store';
import type { StepInvoker } from '../ports/step-invoker';
import type { AttemptRunner } from './attempt-runner';
import { SLOT_WAIT_MS } from '../options/engine-options';
import { Slots } from './slots';
import { toError } from './to-error';

const MOST_TURNED_AWAY = 1_000;

/**
 * The short walk of a message: wake-up → slot → claim → acknowledge → user code → report. The acknowledgement follows the claim, not
 * the outcome: from the claim on the lease owns the work, and a redelivery cannot claim what is running.
 */
export class Workers {
  private readonly slots: Readonly<Record<Direction, Slots>>;
  private readonly turnedAway: Readonly<Record<Direction, WakeUp[]>> = { action: [], undo: [] };
  private draining = false;

  constructor(
    private readonly store: SagaStore,
    private readonly invoker: StepInvoker,
    private readonly runner: AttemptRunner,
    private readonly observer: SagaObserver,
    private readonly identity: Identity,
    private readonly options: {
      readonly workers: Readonly<Record<Direction, number>>;
      readonly leaseMs: number;
      readonly slotWaitMs?: number;
    },
  ) {
    this.slots = { action: new Slots(options.workers.action), undo: new Slots(options.workers.undo) };
  }

  /** Too many handlers outlived their timeout: nothing more is claimed until some settle. */
  get exhausted(): boolean {
    return this.slots.action.exhausted || this.slots.undo.exhausted;
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
    const slots = this.slots[wakeUp.operation.direction];
    if (!(await slots.take(this.options.slotWaitMs ?? SLOT_WAIT_MS))) {
      ack();
      this.turnAway(wakeUp);
      return;
    }
    try {
      const sentAt = performance.now();
      const claim = await this.claim(wakeUp);
      ack();
      if (claim !== null) await this.runner.run(claim, slots, sentAt);
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'worker', error: toError(error) });
    } finally {
      slots.release();
      this.welcomeBack(wakeUp.operation.direction);
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

  private async claim({ sagaId, operation, key }: WakeUp): Promise<Claim | null> {
    if (this.draining || !this.invoker.has(operation.direction, key)) return null;
    const { leaseMs } = this.options;
    try {
      const result = await this.store.claim({
        sagaId,
        operation,
        claimId: this.identity.newId(),
        worker: this.identity.worker,
        leaseMs,
        planFormat: PLAN_FORMAT,
        canVerify: this.invoker.has('verify', key),
        alone: true,
      });
      if (result.kind === 'claimed') return this.accept(result.claim);
      this.observer.notify({ type: 'operation.refused', sagaId, operation, reason: result.reason });
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'claim', error: toError(error) });
    }
    return null; // acknowledged all the same: the row is still due, and a sweeper will send another wake-up
  }

  private accept(claim: Claim): Claim {
    const { step, direction, round } = claim.operation;
    const key = keyOf(claim.basis.plan, claim.operation);
    const attempt = claim.operation.claims - claim.operation.losses;
    this.observer.notify({ type: 'operation.claimed', sagaId: claim.sagaId, operation: { step, direction, round }, key, attempt });
    return claim;
  }

  /** Claims nothing more. Resolves when no handler runs. */
  async drain(): Promise<void> {
    this.draining = true;
    await Promise.all([this.slots.action.whenIdle(), this.slots.undo.whenIdle()]);
  }
}
