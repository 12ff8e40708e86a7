import { SagaInputError, SagaInvariantError } from '../errors';
import { keyOf, policyOf } from '../core/draft';
import type { ConcludedEvent, FailedEvent } from '../core/event';
import type { HandlerPolicy } from '../core/handler-declaration';
import { HandlerTable } from '../core/handler-table';
import type { JsonLimits } from '../core/json';
import { transition } from '../core/transition';
import type { SagaObserver } from '../ports/saga-observer';
import type { Claim } from '../ports/claim';
import type { TransactResult } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';
import type { Scheduler } from '../ports/scheduler';
import type { StepInvoker } from '../ports/step-invoker';
import { withMore, type Call } from './attempt-context';
import { reportOn, type AttemptReporter, type AttemptTimes, type Report } from './attempt-reporter';
import { concludedBy } from './conclusion';
import { runAsHandler } from './handler-scope';
import { invokeChecked } from './invoke-checked';
import type { Heartbeats, RunningAttempt } from './heartbeats';
import type { Slots } from './slots';
import type { Stopwatch } from './stopwatch';
import { systemScheduler } from './system-scheduler';
import { isFinalWord, verdictOn } from './thrown';
import { toError } from './to-error';

/**
 * Runs user code in a transaction that the store commits together with its outcome. So an attempt has happened or not, whatever
 * becomes of it: nothing here is ever `unknown`, except what a handler did behind the back of its transaction.
 */
export class TransactionalRunner {
  private draining = false;
  private readonly policies: HandlerTable<HandlerPolicy>;

  constructor(
    private readonly store: SagaStore,
    private readonly invoker: StepInvoker,
    private readonly heartbeats: Heartbeats,
    private readonly reporter: AttemptReporter,
    private readonly observer: SagaObserver,
    private readonly times: AttemptTimes & { readonly resendMs: number },
    private readonly limits: JsonLimits,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.policies = new HandlerTable(invoker.declarations.map(({ direction, key, policy }) => [direction, key, policy]));
  }

  drain(): void {
    this.draining = true;
  }

  /** By this process's own handler: a plan may be older than it. */
  isFor(claim: Claim): boolean {
    return !claim.operation.verifying && this.policyOf(claim).transactional === true;
  }

  async run(attempt: RunningAttempt, call: Call, slots: Slots, elapsed: Stopwatch): Promise<void> {
    const { claim } = attempt;
    const ran = new HandlerRun(this.invoker, claim, call, this.limits);
    try {
      // Above READ COMMITTED a heartbeat would meet the transaction's snapshot at its last statement, and cost the whole of it.
      const running = { ...attempt, isQuiet: this.policyOf(claim).isolation !== undefined };
      this.heartbeats.add(running);
      const result = await this.transact(running, ran).catch((error: unknown): TransactResult => ({ kind: 'lost', error: toError(error) }));
      if (result.kind === 'abandoned') slots.leaveBehind(ran.settled);
      await this.conclude(claim, ran, result, elapsed);
    } finally {
      this.heartbeats.remove(claim.claimId);
    }
  }

  private async transact(attempt: RunningAttempt, ran: HandlerRun): Promise<TransactResult> {
    const { claim } = attempt;
    if (this.store.transact === undefined) throw new SagaInvariantError(`the store has no transactions for "${ran.key}"`);
    const timeoutMs = this.timeoutOf(claim);
    const { isolation } = this.policyOf(claim);
    const { graceMs, resendMs } = this.times;
    const abandon = new AbortController();
    const tell = (): void => attempt.abort.abort(new DOMException('the step reached its timeout', 'TimeoutError'));
    const late = this.scheduler.after(timeoutMs, tell, { keepsAlive: false });
    const over = this.scheduler.after(timeoutMs + graceMs, () => abandon.abort(), { keepsAlive: false });
    const request = {
      sagaId: claim.sagaId,
      claim: reportOn(claim),
      basis: claim.basis,
      resendMs,
      ...(isolation !== undefined && { isolation }),
      timeoutMs,
      graceMs,
      abandon: abandon.signal,
      work: (manager: unknown) => {
        this.heartbeats.add(attempt);
        return ran.once(manager);
      },
      // One that changes the row in the midst of the transaction's last statement would cost the whole of it.
      calm: () => this.heartbeats.calm(claim.claimId),
      onStray: (error: Error) =>
        this.observer.notify({ type: 'engine.trouble', where: `transaction of "${ran.key}" in saga ${claim.sagaId}`, error }),
    };
    try {
      return await this.store.transact(request, transition);
    } finally {
      late.cancel();
      over.cancel();
    }
  }

  private async conclude(claim: Claim, ran: HandlerRun, result: TransactResult, elapsed: Stopwatch): Promise<void> {
    if (result.kind === 'ignored' || result.kind === 'missing') this.reporter.lost(claim, 'stale');
    else if (result.kind !== 'applied') await this.reporter.report(claim, timed(this.reportOf(claim, ran, result), elapsed));
    else if (ran.concluded !== null) this.reporter.applied(claim, ran.concluded, result);
  }

  private reportOf(claim: Claim, ran: HandlerRun, result: Exclude<TransactResult, { kind: 'applied' | 'ignored' | 'missing' }>): Report {
    const of = reportOn(claim);
    const seed = this.scheduler.random();
    switch (result.kind) {
      case 'threw': {
        if (ran.refused !== null)
          return failure(claim, 'SAGA_OUTPUT', `the handler returned, but ${ran.refused}`, { retryable: false, seed });
        if (this.draining && !isFinalWord(result.thrown)) return { type: 'released', ...of, interrupted: false };
        return { type: 'failed', ...of, ...verdictOn(result.thrown), outcome: 'failed', seed };
      }
      case 'misused': {
        const { outcome, retryable } = result;
        return { type: 'failed', ...of, ...verdictOn(result.error), outcome, retryable, seed };
      }
      case 'abandoned':
        return failure(claim, 'STEP_TIMEOUT', `no outcome within ${this.timeoutOf(claim)} ms`, { retryable: undefined, seed });
      case 'lost':
        if (this.draining) return { type: 'released', ...of, interrupted: false };
        return { type: 'lost', ...of, error: verdictOn(result.error).error, seed };
    }
  }

  private timeoutOf(claim: Claim): number {
    return policyOf(claim.basis.plan, claim.operation).timeoutMs;
  }

  private policyOf({ basis, operation }: Claim): HandlerPolicy {
    return this.policies.find(operation.direction, keyOf(basis.plan, operation)) ?? NO_POLICY;
  }
}

const NO_POLICY: HandlerPolicy = {};

/** The handler of one attempt. The store may run it again, when a conflict has rolled back what it did. */
class HandlerRun {
  readonly key: string;
  concluded: ConcludedEvent | null = null;
  /** Why what it returned cannot be stored. */
  refused: string | null = null;
  /** Resolves when the handler has settled. */
  settled: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly invoker: StepInvoker,
    private readonly claim: Claim,
    private readonly call: Call,
    private readonly limits: JsonLimits,
  ) {
    this.key = keyOf(claim.basis.plan, claim.operation);
  }

  async once(manager: unknown): Promise<ConcludedEvent> {
    const { payload, context, notes } = this.call;
    this.refused = null;
    notes.patch = null;
    const running = runAsHandler(() =>
      invokeChecked(this.invoker, this.claim.operation.direction, this.key, payload, withMore(context, { manager })),
    );
    this.settled = running.catch(() => undefined);
    const value = await running;
    this.concluded = this.stored(value);
    return this.concluded;
  }

  private stored(value: unknown): ConcludedEvent {
    try {
      return concludedBy(this.claim, value, this.call.notes.patch, this.limits);
    } catch (error) {
      this.refused = error instanceof SagaInputError ? error.message : 'the output could not be read';
      throw error;
    }
  }
}

/** The budget of a retry policy counts from the first attempt on. */
function timed(report: Report, elapsed: Stopwatch): Report {
  return report.type === 'failed' ? { ...report, elapsedMs: elapsed() } : report;
}

function failure(claim: Claim, code: string, message: string, wish: Pick<FailedEvent, 'retryable' | 'seed'>): FailedEvent {
  return { type: 'failed', ...reportOn(claim), error: { code, message }, outcome: 'failed', retryAfterMs: undefined, ...wish };
}
