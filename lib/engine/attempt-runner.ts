import { SagaInputError } from '../errors';
import { keyOf, policyOf } from '../core/draft';
import { handlerKindOf } from '../core/handler-declaration';
import { HandlerTable } from '../core/handler-table';
import type { JsonLimits } from '../core/json';
import type { Unresolved } from '../core/reference';
import type { ChainOffer, Claim } from '../ports/claim';
import type { Scheduler } from '../ports/scheduler';
import type { StepInvoker } from '../ports/step-invoker';
import { AbortOnDemand } from './abort-on-demand';
import type { CallbackTokens } from './callback-tokens';
import { callOf, type Call } from './attempt-context';
import { reportOn, type AttemptReporter, type AttemptTimes, type NextClaim, type Report } from './attempt-reporter';
import type { Committer } from './committer';
import { concludedBy } from './conclusion';
import { skippedByData, type ConditionGate } from './condition-gate';
import type { OutputReader } from './earlier-outputs';
import { runAsHandler } from './handler-scope';
import { invokeChecked } from './invoke-checked';
import type { Heartbeats, RunningAttempt } from './heartbeats';
import type { Slots } from './slots';
import type { OwnHandlers } from './own-handlers';
import { isFinalWord, verdictOn } from './thrown';
import { stopwatch, type Stopwatch } from './stopwatch';
import { systemScheduler } from './system-scheduler';
import type { TransactionalRunner } from './transactional-runner';
import { foundIn } from './verification';
import { within } from './within';

type Ended = { readonly kind: 'returned'; readonly value: unknown } | { readonly kind: 'threw'; readonly thrown: unknown };

/** Runs user code for one claim and reports how it ended. No lock is held meanwhile, only a lease. */
export class AttemptRunner {
  private readonly sets: HandlerTable<readonly string[] | undefined>;
  private draining = false;

  constructor(
    private readonly invoker: StepInvoker,
    private readonly committer: Committer,
    private readonly heartbeats: Heartbeats,
    private readonly reporter: AttemptReporter,
    private readonly transactional: TransactionalRunner,
    private readonly times: AttemptTimes,
    private readonly limits: JsonLimits,
    private readonly own: OwnHandlers,
    private readonly gate: ConditionGate,
    private readonly store: OutputReader,
    private readonly tokens: CallbackTokens,
    /** Asks the sweeper to look when a lease and its grace will have ended. */
    private readonly sweepIn: (ms: number) => void,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {
    this.sets = new HandlerTable(invoker.declarations.map(({ direction, key, policy }) => [direction, key, policy.sets]));
  }

  /** From now on a handler that throws was probably interrupted by the shutdown around it. */
  drain(): void {
    this.draining = true;
    this.transactional.drain();
    this.gate.drain();
  }

  /** Resolves when the attempt is over and its slot may be used again, with what its worker goes on with. */
  run({ claim, sentAt }: NextClaim, slots: Slots, offer?: ChainOffer): Promise<NextClaim | null> {
    if (this.draining) return this.reporter.report(claim, { type: 'released', ...reportOn(claim), interrupted: false });
    this.committer.begun(claim);
    const attempt: RunningAttempt = { claim, abort: new AbortOnDemand(), trustedUntil: sentAt + this.times.leaseMs };
    const unneeded = skippedByData(claim);
    if (unneeded !== null) return this.reporter.report(claim, unneeded, offer);
    const call = callOf(claim, attempt.abort, this.limits, this.tokens, this.store, this.setsOf(claim));
    const elapsed = stopwatch(claim, this.scheduler);
    if ('kind' in call) return this.reporter.report(claim, this.unresolved(claim, call), offer);
    const { condition } = claim.operation;
    if (condition === null) return this.perform(attempt, call, slots, elapsed, offer);
    return this.gate
      .pass(attempt, condition, call, slots, elapsed)
      .then((admitted) => (admitted === null ? null : this.perform({ ...attempt, claim: admitted }, call, slots, elapsed, offer)));
  }

  private async perform(
    attempt: RunningAttempt,
    call: Call,
    slots: Slots,
    elapsed: Stopwatch,
    offer: ChainOffer | undefined,
  ): Promise<NextClaim | null> {
    const { claim } = attempt;
    if (this.transactional.isFor(claim)) {
      await this.transactional.run(attempt, call, slots, elapsed);
      return null;
    }
    if (policyOf(claim.basis.plan, claim.operation).transactional === true)
      return this.reporter.report(claim, noTransaction(claim, this.scheduler.random()));
    this.heartbeats.add(attempt);
    try {
      const handler = this.invoke(claim, call);
      const ended =
        (await within(handler, policyOf(claim.basis.plan, claim.operation).timeoutMs, this.scheduler)) ??
        (await this.overtime(attempt, handler));
      if (ended !== null) return await this.reporter.report(claim, this.reportOf(claim, call, ended, elapsed()), offer);
      this.leaveBehind(claim, call, handler, slots);
      return null;
    } finally {
      this.heartbeats.remove(claim.claimId);
    }
  }

  /** The names of the context that this process's handler says it sets. */
  private setsOf({ operation, basis }: Claim): readonly string[] | undefined {
    if (operation.direction === 'undo') return undefined;
    const key = keyOf(basis.plan, operation);
    return this.sets.find('action', key);
  }

  private invoke(claim: Claim, call: Call): Promise<Ended> {
    const key = keyOf(claim.basis.plan, claim.operation);
    const kind = handlerKindOf(claim.operation);
    const own = this.own.find(kind, key);
    const handler =
      own === undefined ? runAsHandler(() => invokeChecked(this.invoker, kind, key, call.payload, call.context)) : own(claim, call);
    return handler.then(returned, threw);
  }

  /** The timeout has passed: the handler is told, and what it says before lease and grace have ended still counts. */
  private async overtime(attempt: RunningAttempt, handler: Promise<Ended>): Promise<Ended | null> {
    attempt.abort.abort(new DOMException('the step reached its timeout', 'TimeoutError'));
    await this.heartbeats.timeOut(attempt);
    const ended = await within(handler, this.times.graceMs, this.scheduler);
    if (ended === null) {
      this.reporter.lost(attempt.claim, 'timeout');
      this.sweepIn(0);
    }
    return ended;
  }

  /** The slot is free again. If the handler ends well after all, or has asked somebody else, its effect is late and may have to be undone once more. */
  private leaveBehind(claim: Claim, call: Call, handler: Promise<Ended>, slots: Slots): void {
    slots.leaveBehind(handler);
    void handler.then(async (ended) => {
      const report = this.reportOf(claim, call, ended, 0);
      if (report.type === 'completed' || report.type === 'suspended') await this.committer.commit(claim.sagaId, report);
    });
  }

  private reportOf(claim: Claim, call: Call, ended: Ended, elapsedMs: number): Report {
    const of = reportOn(claim);
    if (ended.kind === 'threw') {
      if (this.draining && !isFinalWord(ended.thrown)) return { type: 'released', ...of, interrupted: true };
      const { onThrow } = policyOf(claim.basis.plan, claim.operation);
      return { type: 'failed', ...of, ...verdictOn(ended.thrown, onThrow), elapsedMs, seed: this.scheduler.random() };
    }
    if (claim.operation.verifying) return this.foundBy(claim, ended.value, elapsedMs);
    try {
      return concludedBy(claim, ended.value, call.notes.patch, this.limits);
    } catch (error) {
      const reason = error instanceof SagaInputError ? error.message : 'the output could not be read';
      const failure = { code: 'SAGA_OUTPUT', message: `the handler returned, but ${reason}` };
      return { type: 'failed', ...of, error: failure, outcome: 'unknown', retryable: false, retryAfterMs: undefined, seed: 0 };
    }
  }

  private foundBy(claim: Claim, answer: unknown, elapsedMs: number): Report {
    const found = foundIn(answer, keyOf(claim.basis.plan, claim.operation), this.limits);
    const rest = { elapsedMs, seed: this.scheduler.random(), ...reportOn(claim) };
    if (found.kind !== 'unreadable') return { type: 'verified', ...rest, found };
    return { type: 'failed', ...rest, error: found.error, outcome: 'failed', retryable: undefined, retryAfterMs: undefined };
  }

  private unresolved(claim: Claim, { at, step, path }: Unresolved): Report {
    const source = step === null ? 'the context' : `the output of "${claim.basis.plan.steps[step]?.name ?? step}"`;
    const error = {
      code: 'SAGA_REFERENCE',
      message: `the input at "${at}" refers to "${path}" in ${source}, which does not exist; say with .or(…) what is taken then`,
    };
    return { type: 'failed', ...reportOn(claim), error, outcome: 'failed', retryable: false, retryAfterMs: undefined, seed: 0 };
  }
}

function returned(value: unknown): Ended {
  return { kind: 'returned', value };
}

function threw(thrown: unknown): Ended {
  return { kind: 'threw', thrown };
}

/** The rules of its saga trust in a transaction that this process's handler does not have: left to one whose handler has. */
function noTransaction(claim: Claim, seed: number): Report {
  const key = keyOf(claim.basis.plan, claim.operation);
  const message = `the saga was started with a transactional handler for "${key}", and this process has another; give that one a new key`;
  return { type: 'lost', ...reportOn(claim), error: { code: 'SAGA_TRANSACTION', message }, seed };
}
