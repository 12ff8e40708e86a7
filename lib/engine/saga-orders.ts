import {
  SagaAttentionError,
  SagaNotFoundError,
  SagaPastPivotError,
  SagaStepRefusedError,
  SagaTerminalError,
  type SagaError,
} from '../errors';
import type { ReportedEvent, SagaEvent, SagaOrder, StepOrder } from '../core/event';
import type { JsonLimits } from '../core/json';
import { isSagaId } from '../core/names';
import type { ApplyResult } from '../ports/report';
import type { Committer } from './committer';
import { orderedBy, type OrderOptions } from './ordered-by';
import type { Saga } from './saga';
import type { SagaQueries } from './saga-queries';
import { isFulfilled, placeOfStep, refusalOf } from './step-refusal';
import { readStepUpdate, type StepUpdate } from './step-update';

type IgnoredBecause = Extract<ApplyResult, { readonly kind: 'ignored' }>['reason'];

/** What a person may order of a saga. Whoever wishes for what is so already gets the saga as it is. */
export class SagaOrders {
  constructor(
    private readonly committer: Pick<Committer, 'commit'>,
    private readonly queries: SagaQueries,
    private readonly limits: JsonLimits,
    /** Asks the sweeper to look at once. */
    private readonly lookNow: () => void,
  ) {}

  /** @throws SagaInputError, SagaNotFoundError, SagaTerminalError, SagaPastPivotError, SagaStepRefusedError, SagaAttentionError */
  async orderSaga(type: SagaOrder['type'], sagaId: string, options: OrderOptions): Promise<Saga> {
    const ignored = await this.commit(sagaId, { type, ...orderedBy(options) });
    if (type === 'resume' && ignored === null) this.lookNow(); // deadlines and retries have waited
    const saga = await this.queries.get(sagaId);
    const refusal = ignored === null ? null : refusalOfOrder(saga, type, ignored);
    if (refusal !== null) throw refusal;
    return saga;
  }

  /** @throws SagaInputError, SagaNotFoundError, SagaTerminalError, SagaStepRefusedError */
  async orderStep(type: StepOrder['type'], sagaId: string, step: string, options: OrderOptions): Promise<Saga> {
    const by = orderedBy(options);
    const place = placeOfStep(await this.queries.stored(sagaId), step);
    return this.aboutStep(sagaId, { type, step: place, ...by }, place);
  }

  /** @throws SagaInputError, SagaNotFoundError, SagaTerminalError, SagaStepRefusedError */
  async resolveStep(sagaId: string, step: string, update: StepUpdate, options: OrderOptions): Promise<Saga> {
    const { direction, result } = readStepUpdate(update, this.limits);
    const by = orderedBy(options);
    const place = placeOfStep(await this.queries.stored(sagaId), step);
    return this.aboutStep(sagaId, { type: 'reported', operation: { step: place, direction, round: 1 }, result, ...by }, place);
  }

  private async aboutStep(sagaId: string, event: StepOrder | ReportedEvent, place: number): Promise<Saga> {
    const ignored = await this.commit(sagaId, event);
    const stored = await this.queries.stored(sagaId);
    if (ignored !== null && !isFulfilled(stored.saga, event, place)) throw refusalOf(stored, event, place);
    return this.queries.seen(stored);
  }

  private async commit(sagaId: string, event: SagaEvent): Promise<IgnoredBecause | null> {
    if (!isSagaId(sagaId)) throw new SagaNotFoundError(sagaId);
    const result = await this.committer.commit(sagaId, event);
    if (result.kind === 'failed') throw result.error;
    if (result.kind === 'missing') throw new SagaNotFoundError(sagaId);
    return result.kind === 'ignored' ? result.reason : null;
  }
}

/** Null: what was asked for is so already, or on its way. */
function refusalOfOrder(saga: Saga, type: SagaOrder['type'], ignored: IgnoredBecause): SagaError | null {
  switch (ignored) {
    case 'past-pivot':
      return new SagaPastPivotError(saga.id, type);
    case 'open-pivot':
      return new SagaStepRefusedError(
        saga.id,
        'to turn back',
        'nobody knows whether its pivot took effect; resolveStep() says how that ended, and then it goes forward or turns back',
      );
    case 'not-undone':
      return new SagaAttentionError(saga.id);
    case 'terminal':
      return isSoAlready(saga, type) ? null : new SagaTerminalError(saga.id, saga.state, type);
    default:
      return null;
  }
}

function isSoAlready({ attention, steps }: Saga, type: SagaOrder['type']): boolean {
  if (type === 'acknowledge') return !attention;
  const isBeingUndone = steps.some(({ status }) => status === 'compensating' || status === 'compensation_failed');
  return type === 'compensate' && attention && isBeingUndone;
}
