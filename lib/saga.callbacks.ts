import { Injectable } from '@nestjs/common';
import type { CallbackResult } from './engine/callbacks';
import { SagaRuntime } from './saga.runtime';

/**
 * Ends steps from outside: those whose handler gave its `ctx.callbackToken` away and returned `ctx.suspend()`. Works in any process with this engine,
 * also in one without workers. The first word counts; whoever says it again, or says another, is answered with the first.
 *
 * @example
 * await callbacks.completeStep(token, { approvedBy: 'ann' });
 */
@Injectable()
export class SagaCallbacks {
  constructor(private readonly runtime: SagaRuntime) {}

  /**
   * The step is done, and this is its output. It may be said before the handler has returned.
   *
   * @throws SagaTokenError when the token is not one of this engine
   * @throws SagaInputError when the output cannot be stored; the step waits on
   */
  async completeStep(token: string, output?: unknown): Promise<CallbackResult> {
    return (await this.runtime.engine()).callbacks.hear(token, { status: 'completed', output });
  }

  /**
   * The step has failed and had no effect: the saga turns back, with no other attempt. A `retriable` step is tried again, and the answer says
   * `retrying`. The default of `code` is `STEP_FAILED`.
   *
   * @throws SagaTokenError when the token is not one of this engine
   * @throws SagaInputError when the error is none; the step waits on
   */
  async failStep(token: string, error: { readonly code?: string; readonly message: string }): Promise<CallbackResult> {
    return (await this.runtime.engine()).callbacks.hear(token, { status: 'failed', error });
  }

  /**
   * What a webhook gets: `{ sagaId, stepId, status: 'completed' | 'failed', output, error }`, where `error` is a text or `{ code, message }`, and the two
   * ids may be left out. `sagaWebhookController()` calls this; so may a controller of your own.
   *
   * @throws SagaTokenError before anything of the body is looked at
   * @throws SagaInputError when the body is no notification, or is about another step than the token; the step waits on
   */
  async handleNotification(token: string, body: unknown): Promise<CallbackResult> {
    return (await this.runtime.engine()).callbacks.hearNotification(token, body);
  }
}
