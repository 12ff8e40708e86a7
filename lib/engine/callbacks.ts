import type { CalledBackEvent } from '../core/event';
import type { JsonLimits } from '../core/json';
import { isPersistent } from '../core/kinds';
import type { Plan } from '../core/plan';
import { operationOf, type SagaValue } from '../core/saga-value';
import type { Operation } from '../core/operation';
import type { SagaObserver } from '../ports/saga-observer';
import type { SagaStore } from '../ports/saga-store';
import type { CallbackTokens, NamedByToken } from './callback-tokens';
import type { Committer } from './committer';
import { announceWord } from './outside-word';
import { readNotification, refuseStrangers } from './notification';
import { readStepUpdate, type StepUpdate } from './step-update';

/** What became of a word from outside. */
export interface CallbackResult {
  readonly sagaId: string;
  /** Name of the step; null when the saga is gone. */
  readonly step: string | null;
  /** This word counts. False: there was one before it, or nobody waits any more. */
  readonly accepted: boolean;
  /**
   * How the step has ended. `retrying`: it has not: it was said to have failed, and is `retriable`, so it is tried again. `unknown`: it was given up before, and is undone, or asked after, as one that may have taken effect. `gone`: its saga has
   * been deleted since.
   */
  readonly outcome: 'completed' | 'failed' | 'retrying' | 'skipped' | 'unknown' | 'gone';
}

interface Told {
  readonly plan: Plan;
  readonly saga: SagaValue;
}

type Word = Extract<StepUpdate, { readonly status: 'completed' | 'failed' }>;

/** The words of whoever was asked to do a step and has its token. */
export class Callbacks {
  constructor(
    private readonly tokens: CallbackTokens,
    private readonly store: Pick<SagaStore, 'find'>,
    private readonly committer: Pick<Committer, 'commit'>,
    private readonly observer: SagaObserver,
    private readonly limits: JsonLimits,
  ) {}

  /** @throws SagaTokenError, before anything else is looked at; SagaInputError */
  async hear(token: unknown, word: Word): Promise<CallbackResult> {
    const named = await this.tokens.read(token);
    return this.tell(named, readStepUpdate(word, this.limits).result);
  }

  /** @throws SagaTokenError, before anything else is looked at; SagaInputError */
  async hearNotification(token: unknown, body: unknown): Promise<CallbackResult> {
    const named = await this.tokens.read(token);
    const { word, about } = readNotification(body);
    const { result } = readStepUpdate(word, this.limits);
    if (about.stepId !== undefined || about.sagaId !== undefined) refuseStrangers(about, named, await this.store.find(named.sagaId));
    return this.tell(named, result);
  }

  private async tell({ sagaId, operation }: NamedByToken, result: CalledBackEvent['result']): Promise<CallbackResult> {
    const event = { type: 'called-back', operation, result } as const;
    const told = await this.committer.commit(sagaId, event, undefined, (applied) => announceWord(this.observer, applied, event));
    if (told.kind === 'failed') throw told.error;
    const stored = told.kind === 'applied' ? told : await this.store.find(sagaId);
    if (told.kind === 'missing' || stored === null) return { sagaId, step: null, accepted: false, outcome: 'gone' };
    const step = stored.plan.steps[operation.step]?.name ?? null;
    return { sagaId, step, accepted: told.kind === 'applied', outcome: outcomeOf(stored, operation) };
  }
}

function outcomeOf({ plan, saga }: Told, ref: NamedByToken['operation']): CallbackResult['outcome'] {
  const operation: Operation | undefined = operationOf(saga, ref);
  switch (operation?.state) {
    case 'completed':
    case 'failed':
    case 'skipped':
    case 'unknown':
      return operation.state;
    case undefined:
      return 'unknown';
    default:
      return operation?.heard?.kind === 'failed' && isPersistent(plan, operation) ? 'retrying' : (operation?.heard?.kind ?? 'unknown');
  }
}
