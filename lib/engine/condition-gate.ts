import { policyOf } from '../core/draft';
import { evaluate } from '../core/evaluate-condition';
import type { SkippedEvent } from '../core/event';
import type { StepFailure } from '../core/operation';
import type { Claim } from '../ports/claim';
import type { Scheduler } from '../ports/scheduler';
import type { ContextVerbs, HandlerContext, StepInvoker } from '../ports/step-invoker';
import type { Call } from './attempt-context';
import { reportOn, type AttemptReporter, type Report } from './attempt-reporter';
import { answerIn } from './condition-answer';
import { runAsHandler } from './handler-scope';
import type { Heartbeats, RunningAttempt } from './heartbeats';
import type { Slots } from './slots';
import type { Stopwatch } from './stopwatch';
import { isFinalWord, verdictOn } from './thrown';
import { systemScheduler } from './system-scheduler';
import { within } from './within';

type Asked = { readonly kind: 'answered'; readonly answer: unknown } | { readonly kind: 'threw'; readonly thrown: unknown };

/** Of a step whose condition, as data, does not hold: what there is to report, without a look at its handler. */
export function skippedByData(claim: Claim): SkippedEvent | null {
  const { operation, basis } = claim;
  const when = operation.direction === 'action' && !operation.verifying ? basis.plan.steps[operation.step]?.when : undefined;
  if (when === undefined) return null;
  const { holds, said } = evaluate(when, basis.plan, claim);
  return holds ? null : { type: 'skipped', ...reportOn(claim), reason: said, neverRan: true };
}

/** Asks the `@SagaCondition` of a step, until it has answered once, whether its handler is to run. */
export class ConditionGate {
  private draining = false;

  constructor(
    private readonly invoker: StepInvoker,
    private readonly heartbeats: Heartbeats,
    private readonly reporter: AttemptReporter,
    private readonly scheduler: Scheduler = systemScheduler,
  ) {}

  drain(): void {
    this.draining = true;
  }

  /** The claim as it is when the answer was yes and is stored; null when the attempt is over. */
  async pass(attempt: RunningAttempt, key: string, call: Call, slots: Slots, elapsed: Stopwatch): Promise<Claim | null> {
    const { claim } = attempt;
    const { timeoutMs } = policyOf(claim.basis.plan, claim.operation);
    this.heartbeats.add(attempt);
    try {
      const asking = this.ask(key, call);
      const asked = await within(asking, timeoutMs, this.scheduler);
      if (asked === null) {
        attempt.abort.abort(new DOMException('the condition reached the timeout of its step', 'TimeoutError'));
        slots.leaveBehind(asking);
      }
      const report = this.reportOf(claim, key, asked, timeoutMs, elapsed());
      if (report === null) return await this.reporter.admit(claim);
      await this.reporter.report(claim, report);
      return null;
    } finally {
      this.heartbeats.remove(claim.claimId);
    }
  }

  private async ask(key: string, { payload, context }: Call): Promise<Asked> {
    try {
      const answer = await runAsHandler(() => this.invoker.invoke('condition', key, payload, withoutWords(context)));
      return { kind: 'answered', answer };
    } catch (thrown) {
      return { kind: 'threw', thrown };
    }
  }

  /** null: the handler is to run. Whatever else there is to say, it has not run. */
  private reportOf(claim: Claim, key: string, asked: Asked | null, timeoutMs: number, elapsedMs: number): Report | null {
    const of = reportOn(claim);
    const failed = (error: StepFailure): Report => {
      const wish = { retryable: undefined, retryAfterMs: undefined, elapsedMs, seed: this.scheduler.random() };
      return { type: 'failed', ...of, error, outcome: 'failed', ...wish };
    };
    if (asked === null) return failed({ code: 'STEP_TIMEOUT', message: `@SagaCondition('${key}') gave no answer within ${timeoutMs} ms` });
    if (asked.kind === 'threw') {
      if (this.draining && !isFinalWord(asked.thrown)) return { type: 'released', ...of, interrupted: true };
      return { type: 'failed', ...of, ...verdictOn(asked.thrown), outcome: 'failed', elapsedMs, seed: this.scheduler.random() };
    }
    const answer = answerIn(asked.answer, key);
    if (answer.kind === 'unreadable') return failed(answer.error);
    if (answer.kind === 'no') return { type: 'skipped', ...of, reason: answer.reason, neverRan: true };
    return this.draining ? { type: 'released', ...of, interrupted: false } : null;
  }
}

const WORDS = Object.keys({ skip: true, suspend: true, finish: true, setContext: true } satisfies Record<keyof ContextVerbs, true>);

/** A condition ends nothing, so it gets no words to end it with. */
function withoutWords(context: HandlerContext): HandlerContext {
  return Object.fromEntries(Object.entries(context).filter(([name]) => !WORDS.includes(name))) as unknown as HandlerContext;
}
