import { SagaError } from './saga.error';

/** Thrown by `waitFor()` when the saga had not ended in time. The saga itself goes on. */
export class SagaWaitTimeoutError extends SagaError {
  readonly code = 'SAGA_WAIT_TIMEOUT';

  constructor(
    readonly sagaId: string,
    readonly timeoutMs: number,
  ) {
    super(`saga ${sagaId} had not ended after ${timeoutMs} ms; it goes on, ask again with get() or waitFor()`);
  }
}
