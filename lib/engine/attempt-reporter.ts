import { keyOf } from '../core/draft';
import type { AdmittedEvent, CompletedEvent, ConcludedEvent, FailedEvent, LostEvent, ReleasedEvent, VerifiedEvent } from '../core/event';
import { operationOf } from '../core/saga-value';
import type { SagaObserver } from '../ports/saga-observer';
import type { ChainOffer, Claim } from '../ports/claim';
import type { ApplyResult } from '../ports/report';
import type { Scheduler } from '../ports/scheduler';
import type { Applied, Committer } from './committer';
import { systemScheduler } from './system-scheduler';

export type Report = ConcludedEvent | FailedEvent | ReleasedEvent | LostEvent | VerifiedEvent | AdmittedEvent;

export interface AttemptTimes {
  readonly leaseMs: number;
  readonly graceMs: number;
}

/** What a worker goes on with. */
export interface NextClaim {
  readonly claim: Claim;
  /** By this process's clock, before it was asked for: its lease is trusted from then on. */
  readonly sentAt: number;
}

/** Says how attempts ended: to the store, and then to this process. */
export class AttemptReporter {
  constructor(
    private readonly committer: Committer,
    private readonly observer: SagaObserver,
    private readonly times: AttemptTimes,
    /** Told of each wait for a signal when it has begun: one may have come just before. */
    private readonly waitsForSignal: (sagaId: string, name: string) => void = () => undefined,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  /** @param offer of whoever goes on with what this sets free; the answer is what that is */
  report(claim: Claim, event: Report, offer?: ChainOffer): Promise<NextClaim | null> {
    const sentAt = this.scheduler.now();
    return this.commit(claim, event, offer).then((result) => {
      const next = this.heard(claim, result)?.next;
      return next === undefined ? null : { claim: next, sentAt };
    });
  }

  /** Stores that the condition of a step has said yes. Null when the attempt is over all the same: its handler must not run. */
  async admit(claim: Claim): Promise<Claim | null> {
    const applied = this.heard(claim, await this.commit(claim, { type: 'admitted', ...reportOn(claim) }));
    const operation = applied === null ? undefined : operationOf(applied.saga, claim.operation);
    if (applied === null || operation?.state !== 'running') return null;
    return { ...claim, operation, basis: { plan: applied.plan, saga: applied.saga } };
  }

  private commit(claim: Claim, event: Report, offer?: ChainOffer): Promise<ApplyResult> {
    const until = this.scheduler.now() + this.times.leaseMs + this.times.graceMs;
    const given = { basis: claim.basis, ...(offer !== undefined && { chain: { after: claim, ...offer } }) };
    return this.committer.commitPatiently(claim.sagaId, event, given, until, (applied) => this.announce(claim, event, applied));
  }

  private heard(claim: Claim, result: ApplyResult): Applied | null {
    if (result.kind === 'applied') return result;
    this.lost(claim, 'stale');
    return null;
  }

  /** What the store has applied by other means. */
  applied(claim: Claim, event: Report, applied: Applied): void {
    this.announce(claim, event, applied); // first what happened, then what follows from it
    this.committer.perform(applied.plan, applied.saga, applied.effects, event);
  }

  lost(claim: Claim, why: 'stale' | 'timeout'): void {
    this.observer.notify({ type: 'operation.lost', ...aboutOf(claim), why });
  }

  private announce(claim: Claim, event: Report, { saga }: Applied): void {
    // Of an attempt that was given up it is a late word, and nothing waits.
    if (event.type === 'suspended' && operationOf(saga, claim.operation)?.state !== 'waiting') return;
    if (event.type === 'suspended' && event.wait.kind === 'saga' && event.wait.stuck === true)
      this.observer.notify({ type: 'child.stuck', sagaId: claim.sagaId, step: aboutOf(claim).step, childId: event.wait.sagaId });
    if (event.type === 'suspended') this.observer.notify({ type: 'operation.waiting', ...aboutOf(claim), wait: event.wait.kind });
    if (event.type === 'suspended' && event.wait.kind === 'signal') this.waitsForSignal(claim.sagaId, event.wait.name);
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
  const { plan } = claim.basis;
  const { step, direction, round } = claim.operation;
  const key = keyOf(plan, claim.operation);
  return { sagaId: claim.sagaId, step: plan.steps[step]?.name ?? '', operation: { step, direction, round }, key };
}
