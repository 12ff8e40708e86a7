import { SagaError } from './saga.error';

/** Thrown when `waitFor()` or `execute()` is called inside a handler: all slots could end up waiting for work that needs a slot. */
export class SagaWaitInHandlerError extends SagaError {
  readonly code = 'SAGA_WAIT_IN_HANDLER';

  constructor(which: string) {
    super(
      `a handler may not wait for ${which}: every worker slot could be waiting for work that needs one. Return, and let a later step read the result`,
    );
  }
}
