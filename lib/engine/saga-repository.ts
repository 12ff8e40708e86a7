import { SagaInputError, SagaNotFoundError, SagaStepRefusedError } from '../errors';
import { toJson, type JsonLimits } from '../core/json';
import type { SagaEvent } from '../core/event';
import { quoted } from '../core/names';
import { ACTIVE_STATES, type SagaState } from '../core/saga-value';
import type { StepList } from '../core/step-spec';
import { listQueryOf, stateOf } from '../options/list-query';
import type { Saga } from './saga';
import type { SagaEngine } from './saga-engine';
import { sagaIdOf } from './saga-id';
import { checkContext } from './start-options';
import type { StartOptions } from './start-options';
import type { StartedSaga } from './starter';
import { readStepUpdate, type StepUpdate } from './step-update';

/**
 * Saves, loads and updates sagas under a pessimistic lock: each call is atomic, and none can go round the state machine. An update
 * that the saga's state does not allow changes nothing and is refused.
 */
export class SagaRepository {
  constructor(
    private readonly engine: () => Promise<SagaEngine>,
    private readonly limits: JsonLimits,
  ) {}

  /** Stores a new saga whole; it runs from then on. */
  async saveSaga(name: string, steps: StepList, context: unknown = {}, options: StartOptions = {}): Promise<StartedSaga> {
    checkContext(context);
    return (await this.engine()).start(name, steps, context, options);
  }

  async loadSaga(sagaId: string): Promise<Saga | null> {
    return (await this.engine()).queries.find(sagaId);
  }

  /** @throws SagaNotFoundError, SagaActiveError */
  async deleteSaga(sagaId: string): Promise<void> {
    await (await this.engine()).queries.delete(sagaIdOf(sagaId));
  }

  /** Started, compensating and stuck ones, the newest first. */
  async listActiveSagas(limit = 100): Promise<readonly Saga[]> {
    return (await this.engine()).queries.list(listQueryOf({ state: ACTIVE_STATES, limit }));
  }

  /**
   * Says how a step ended, in place of its handler. It counts once; a worker that still runs the step is not heard any more.
   *
   * @throws SagaInputError, SagaNotFoundError, SagaStepRefusedError
   */
  async updateSagaStep(sagaId: string, stepId: string, update: StepUpdate, actor: string | null = null): Promise<Saga> {
    const { status, direction, result } = readStepUpdate(update, this.limits);
    const by = actorOf(actor);
    const saga = await (await this.engine()).queries.get(sagaIdOf(sagaId));
    const step = saga.steps.findIndex((candidate) => candidate.id === stepId);
    if (step < 0) throw new SagaStepRefusedError(sagaId, `an update of step ${quoted(stepId)}`, 'it has no such step');
    const event = { type: 'reported', operation: { step, direction, round: 1 }, result, actor: by } as const;
    return this.commit(sagaId, event, `step "${saga.steps[step]?.name ?? ''}" as ${status}`);
  }

  /**
   * Asks for a saga state. Only `compensating` can be asked for (the saga turns back, or a stuck one tries again); every other state
   * follows from the steps, and asking for one the saga already has is harmless.
   *
   * @throws SagaInputError, SagaNotFoundError, SagaStepRefusedError
   */
  async updateSagaState(sagaId: string, state: SagaState, actor: string | null = null): Promise<Saga> {
    stateOf(state, 'state');
    const by = actorOf(actor);
    const saga = await (await this.engine()).queries.get(sagaIdOf(sagaId));
    if (saga.state === state) return saga;
    if (state !== 'compensating')
      throw new SagaStepRefusedError(sagaId, `the state "${state}"`, `it is ${saga.state}, and only its steps can make it ${state}`);
    return this.commit(sagaId, { type: 'compensate', reason: null, actor: by }, 'the state "compensating"');
  }

  private async commit(sagaId: string, event: SagaEvent, what: string): Promise<Saga> {
    const result = await (await this.engine()).commits.commit(sagaId, event);
    if (result.kind === 'failed') throw result.error;
    if (result.kind === 'missing') throw new SagaNotFoundError(sagaId);
    if (result.kind === 'ignored') throw new SagaStepRefusedError(sagaId, what, `it is ${result.state} (${result.reason})`);
    return (await this.engine()).queries.get(sagaId);
  }
}

/** @throws SagaInputError */
function actorOf(actor: unknown): string | null {
  const checked = toJson(actor ?? null, 'actor', { maxBytes: 1_000 });
  if (checked === null || typeof checked === 'string') return checked;
  throw new SagaInputError('actor', '', 'must be a text, or null');
}
