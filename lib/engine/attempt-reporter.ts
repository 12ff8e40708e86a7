import { keyOf } from '../core/draft';
import type { CompletedEvent, ConcludedEvent, FailedEvent, LostEvent, ReleasedEvent, VerifiedEvent } from '../core/event';
import { operationOf } from '../core/saga-value';
import type { SagaObserver } from '../ports/saga-observer';
import type { Claim } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { Applied, Committer } from './committer';
import { systemScheduler } from './system-scheduler';

export type Report = ConcludedEvent | FailedEvent | ReleasedEvent | LostEvent | VerifiedEvent;

export interface AttemptTimes {
  readonly leaseMs: number;
  readonly graceMs: number;
}

/** Says how attempts ended: to the store, and then to this process. */
export class AttemptReporter {
  constructor(
    private readonly committer: Committer,
    private readonly observer: SagaObserver,
    private readonly times: AttemptTimes,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  async report(claim: Claim, event: Report): Promise<void> {
    const until = this.scheduler.now() + this.times.leaseMs + this.times.graceMs;
    const result = await this.committer.commitPatiently(claim.sagaId, event, claim.basis, until, (applied) =>
      this.announce(claim, event, applied),
    );
    if (result.kind !== 'applied') this.lost(claim, 'stale');
  }

  /** What the store has applied by other means. */
  applied(claim: Claim, event: Report, applied: Applied): void {
    this.announce(claim, event, applied); // first what happened, then what follows from it
    this.committer.perform(claim.sagaId, applied.saga.name, applied.effects);
  }

  lost(claim: Claim, why: 'stale' | 'timeout'): void {
    this.observer.notify({ type: 'operation.lost', ...aboutOf(claim), why });
  }

  private announce(claim: Claim, event: Report, { saga }: Applied): void {
    if (event.type === 'suspended') this.observer.notify({ type: 'operation.waiting', ...aboutOf(claim), wait: event.wait.kind });
    if (event.type === 'skipped') this.observer.notify({ type: 'operation.skipped', ...aboutOf(claim), reason: event.reason });
    if (event.type === 'completed') this.observer.notify({ type: 'operation.completed', ...aboutOf(claim) });
    if (event.type === 'verified') this.observer.notify({ type: 'operation.verified', ...aboutOf(claim), found: event.found.kind });
    if (event.type !== 'failed' && event.type !== 'lost') return;
    const { state, verifying } = operationOf(saga, claim.operation) ?? claim.operation;
    const willRetry = (state === 'retrying' || state === 'started') && verifying === claim.operation.verifying;
    this.observer.notify({ type: 'operation.failed', ...aboutOf(claim), ...event.error, willRetry });
  }
}

/** Which claim a report is of. */
export function reportOn(claim: Claim): Pick<CompletedEvent, 'operation' | 'fence' | 'claimId'> {
  const { step, direction, round, fence } = claim.operation;
  return { operation: { step, direction, round }, fence, claimId: claim.claimId };
}

interface About {
  readonly sagaId: string;
  readonly step: string;
  readonly operation: CompletedEvent['operation'];
  readonly key: string;
}

function aboutOf(claim: Claim): About {
  const step = claim.basis.plan.steps[claim.operation.step]?.name ?? '';
  return { sagaId: claim.sagaId, step, operation: reportOn(claim).operation, key: keyOf(claim.basis.plan, claim.operation) };
}
