import { SagaError } from './saga.error';

/** Thrown when another transaction held the saga, or its business key, for too long. Nothing was changed; the call may be repeated. */
export class SagaBusyError extends SagaError {
  readonly code = 'SAGA_BUSY';

  readonly retryable = true;

  constructor(what: string, options?: { readonly cause?: unknown }) {
    super(`${what} is locked by another transaction; nothing was changed, try again`, options);
  }
}
