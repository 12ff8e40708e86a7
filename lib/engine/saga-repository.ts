import { SagaNotFoundError, SagaStepRefusedError } from '../errors';
import { toJson, type JsonLimits } from '../core/json';
import type { ReportedEvent, SagaEvent } from '../core/event';
import { ACTIVE_STATES, type SagaState } from '../core/saga-value';
import type { StepList } from '../core/step-spec';
import type { Saga } from './saga';
import type { SagaEngine } from './saga-engine';
import type { StartedSaga, StartOptions } from './starter';

export type StepUpdate =
  | { readonly status: 'completed'; readonly output?: unknown }
  | { readonly status: 'failed'; readonly error: { readonly code?: string; readonly message: string } }
  /** The undo of the step was done, by whatever means. */
  | { readonly status: 'compensated' };

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
    return (await this.engine()).start(name, steps, context, options);
  }

  async loadSaga(sagaId: string): Promise<Saga | null> {
    return (await this.engine()).find(sagaId);
  }

  /** @throws SagaNotFoundError, SagaActiveError */
  async deleteSaga(sagaId: string): Promise<void> {
    await (await this.engine()).delete(sagaId);
  }

  /** Started, compensating and stuck ones, the newest first. */
  async listActiveSagas(limit = 100): Promise<readonly Saga[]> {
    return (await this.engine()).list({ states: ACTIVE_STATES, limit });
  }

  /**
   * Says how a step ended, in place of its handler. It counts once; a worker that still runs the step is not heard any more.
   *
   * @throws SagaNotFoundError, SagaStepRefusedError
   */
  async updateSagaStep(sagaId: string, stepId: string, update: StepUpdate, actor: string | null = null): Promise<Saga> {
    const saga = await (await this.engine()).get(sagaId);
    const step = saga.steps.findIndex((candidate) => candidate.id === stepId);
    if (step < 0) throw new SagaStepRefusedError(sagaId, `an update of step "${stepId}"`, 'it has no such step');
    const result: ReportedEvent['result'] =
      update.status === 'failed'
        ? { kind: 'failed', error: { code: update.error.code ?? 'STEP_FAILED', message: update.error.message } }
        : { kind: 'completed', output: toJson(update.status === 'completed' ? (update.output ?? null) : null, 'output', this.limits) };
    const direction = update.status === 'compensated' ? 'undo' : 'action';
    return this.commit(
      sagaId,
      { type: 'reported', operation: { step, direction, round: 1 }, result, actor },
      `step "${saga.steps[step]?.name ?? ''}" as ${update.status}`,
    );
  }

  /**
   * Asks for a saga state. Only `compensating` can be asked for (the saga turns back, or a stuck one tries again); every other state
   * follows from the steps, and asking for one the saga already has is harmless.
   *
   * @throws SagaNotFoundError, SagaStepRefusedError
   */
  async updateSagaState(sagaId: string, state: SagaState, actor: string | null = null): Promise<Saga> {
    const saga = await (await this.engine()).get(sagaId);
    if (saga.state === state) return saga;
    if (state !== 'compensating')
      throw new SagaStepRefusedError(sagaId, `the state "${state}"`, `it is ${saga.state}, and only its steps can make it ${state}`);
    return this.commit(sagaId, { type: 'compensate', reason: null, actor }, 'the state "compensating"');
  }

  private async commit(sagaId: string, event: SagaEvent, what: string): Promise<Saga> {
    const result = await (await this.engine()).commits.commit(sagaId, event);
    if (result.kind === 'failed') throw result.error;
    if (result.kind === 'missing') throw new SagaNotFoundError(sagaId);
    if (result.kind === 'ignored') throw new SagaStepRefusedError(sagaId, what, `it is ${result.state} (${result.reason})`);
    return (await this.engine()).get(sagaId);
  }
}
