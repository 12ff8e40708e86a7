import type { OperationRef } from '../core/operation';
import type { SagaObserver } from '../ports/saga-observer';
import type { Claim } from '../ports/claim';
import type { Heartbeat } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler, Timer } from '../ports/scheduler';
import type { AbortOnDemand } from './abort-on-demand';
import { systemScheduler } from './system-scheduler';
import { toError } from './to-error';

/** One attempt that runs in this process. */
export interface RunningAttempt {
  readonly claim: Claim;
  readonly abort: AbortOnDemand;
  /** This process's own clock, started before the claim was sent: when the lease can no longer be trusted. */
  trustedUntil: number;
  /** Somebody else sees to its lease. Default: false. */
  readonly isQuiet?: boolean;
}

/** Keeps the leases of all running attempts with one statement, and tells a handler when its lease or its purpose is lost. */
export class Heartbeats {
  private readonly attempts = new Map<string, RunningAttempt>();
  private timer: Timer | undefined;
  private beating: Promise<void> | undefined;

  constructor(
    private readonly store: SagaStore,
    private readonly observer: SagaObserver,
    private readonly times: { readonly leaseMs: number; readonly heartbeatMs: number },
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  add(attempt: RunningAttempt): void {
    this.attempts.set(attempt.claim.claimId, attempt);
    this.timer ??= this.scheduler.every(this.times.heartbeatMs, () => this.beat());
  }

  remove(claimId: string): void {
    this.attempts.delete(claimId);
    if (this.attempts.size > 0) return;
    this.timer?.cancel();
    this.timer = undefined;
  }

  /** No beat of this attempt begins any more; resolves when none is under way. */
  async calm(claimId: string): Promise<void> {
    this.remove(claimId);
    await this.beating;
  }

  /** Asks the handlers of one operation to stop. */
  abort(sagaId: string, operation: OperationRef, reason: string): void {
    for (const attempt of this.attempts.values()) {
      const { operation: other } = attempt.claim;
      const same =
        attempt.claim.sagaId === sagaId &&
        other.step === operation.step &&
        other.direction === operation.direction &&
        other.round === operation.round;
      if (same) attempt.abort.abort(new Error(reason));
    }
  }

  abortAll(reason: string): void {
    for (const attempt of this.attempts.values()) attempt.abort.abort(new Error(reason));
  }

  /** The last beat of an attempt that reached its timeout: its lease ends now, and only the grace is left. */
  async timeOut(attempt: RunningAttempt): Promise<void> {
    await this.calm(attempt.claim.claimId); // a beat under way holds the row, and this one would be skipped
    try {
      await this.store.heartbeat([beatOf(attempt, this.times.leaseMs, true)]);
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'heartbeat', error: toError(error) });
    }
  }

  private beat(): void {
    this.beating ??= this.beatAll().finally(() => {
      this.beating = undefined;
    });
  }

  private async beatAll(): Promise<void> {
    const attempts = [...this.attempts.values()].filter((attempt) => attempt.isQuiet !== true);
    if (attempts.length === 0) return;
    const sentAt = this.scheduler.now();
    try {
      const results = await this.store.heartbeat(attempts.map((attempt) => beatOf(attempt, this.times.leaseMs, false)));
      results.forEach((result, place) => {
        const attempt = attempts[place];
        if (attempt === undefined) return;
        if (result.held) attempt.trustedUntil = sentAt + this.times.leaseMs;
        else this.lose(attempt);
        if (result.held && !result.wanted) attempt.abort.abort(new Error('the saga turned back'));
      });
    } catch (error) {
      this.observer.notify({ type: 'engine.trouble', where: 'heartbeat', error: toError(error) });
      for (const attempt of attempts) if (this.scheduler.now() > attempt.trustedUntil) this.lose(attempt);
    }
  }

  private lose(attempt: RunningAttempt): void {
    if (!this.attempts.has(attempt.claim.claimId)) return;
    this.remove(attempt.claim.claimId);
    attempt.abort.abort(new Error('the lease of this attempt was lost'));
  }
}

function beatOf({ claim }: RunningAttempt, leaseMs: number, timedOut: boolean): Heartbeat {
  const { step, direction, round, fence } = claim.operation;
  return { sagaId: claim.sagaId, operation: { step, direction, round }, fence, claimId: claim.claimId, leaseMs, timedOut };
}
