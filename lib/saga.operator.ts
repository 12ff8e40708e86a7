import { Injectable } from '@nestjs/common';
import type { Explanation } from './engine/explain';
import type { OrderOptions } from './engine/ordered-by';
import type { Saga } from './engine/saga';
import { sagaIdOf } from './engine/saga-id';
import type { StepUpdate } from './engine/step-update';
import type { PausedAction } from './ports/paused-action';
import { SagaRuntime } from './saga.runtime';

/**
 * What a person may do to sagas. Every order is written into the saga's history, with its `reason` and its `actor`; whoever orders
 * what is so already gets the saga as it is. Steps are named by their name or their id. `docs/operating.md` says what each call does
 * in each state.
 *
 * @example
 * const { summary, options } = await operator.explain(id);
 * await operator.retryStep(id, 'charge', { reason: 'the bank is back', actor: 'ann' });
 */
@Injectable()
export class SagaOperator {
  constructor(private readonly runtime: SagaRuntime) {}

  /**
   * Turns a saga back that goes forward: waits for what runs, then undoes what was done. While its pivot runs the wish is remembered, and the
   * pivot's outcome decides.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaInputError
   * @throws SagaPastPivotError when the pivot has completed
   * @throws SagaStepRefusedError when nobody knows whether the pivot took effect
   */
  async cancel(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('cancel', sagaIdOf(sagaId), options);
  }

  /**
   * Ends a saga as it is: `failed`, with nothing more undone. Whoever runs a part of it is told to stop, and is not heard any more.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaInputError
   */
  async terminate(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('terminate', sagaIdOf(sagaId), options);
  }

  /**
   * Begins nothing more of a saga, in either direction, until it is resumed. What runs may end, and its outcome is stored; deadlines
   * and retries wait.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaInputError
   */
  async pause(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('pause', sagaIdOf(sagaId), options);
  }

  /**
   * Lets a paused saga go on. A deadline that has passed meanwhile turns it back now.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaInputError
   */
  async resume(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('resume', sagaIdOf(sagaId), options);
  }

  /**
   * Says that a person has seen why a saga shows `attention`, and ends it. What a late effect asks for is ended by its undo alone, or by
   * `resolveStep`.
   *
   * @throws SagaNotFoundError, SagaAttentionError, SagaInputError
   */
  async acknowledge(sagaId: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderSaga('acknowledge', sagaIdOf(sagaId), options);
  }

  /**
   * Tries a step now that waits for its next attempt, or its undo; tries an undo again that was given up, with all its attempts; or runs the
   * handler again of a step that waits for a callback, with the same token.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaStepRefusedError, SagaInputError
   */
  async retryStep(sagaId: string, step: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderStep('retry-step', sagaIdOf(sagaId), step, options);
  }

  /**
   * Goes on without a step that has not settled and that nobody runs. A step that refers to its output will fail. If one of its
   * attempts may have taken effect, it is still undone when the saga turns back.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaStepRefusedError, SagaInputError
   */
  async skipStep(sagaId: string, step: string, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.orderStep('skip-step', sagaIdOf(sagaId), step, options);
  }

  /**
   * Takes somebody's word for how a step ended (`completed`, `failed`), or that its effect is undone (`compensated`). A worker that
   * still runs it is not heard any more.
   *
   * @throws SagaNotFoundError, SagaTerminalError, SagaStepRefusedError, SagaInputError
   */
  async resolveStep(sagaId: string, step: string, update: StepUpdate, options: OrderOptions = {}): Promise<Saga> {
    return (await this.runtime.engine()).orders.resolveStep(sagaIdOf(sagaId), step, update, options);
  }

  /**
   * From now on no process begins this action, in any saga; its undo runs as before. What runs may end.
   *
   * @throws SagaInputError when no process has ever had the action, or it is one of the engine's own (`nest-saga.child`)
   */
  async pauseAction(action: string, options: OrderOptions = {}): Promise<void> {
    await (await this.runtime.engine()).actionPauses.pause(action, options);
  }

  /**
   * Lets a paused action run again: everything that waited for it is due at once.
   *
   * @throws SagaInputError when no process has ever had the action
   */
  async resumeAction(action: string, options: OrderOptions = {}): Promise<void> {
    await (await this.runtime.engine()).actionPauses.resume(action, options);
  }

  /** The oldest pause first. */
  async pausedActions(): Promise<readonly PausedAction[]> {
    return (await this.runtime.engine()).actionPauses.list();
  }

  /**
   * Where a saga is, why, what happens next and when, and what a person may do.
   *
   * @throws SagaNotFoundError
   */
  async explain(sagaId: string): Promise<Explanation> {
    return (await this.runtime.engine()).queries.explain(sagaIdOf(sagaId));
  }
}
