import { SagaError } from './saga.error';

/** Thrown when the engine of this process has been closed. */
export class SagaClosedError extends SagaError {
  readonly code = 'SAGA_CLOSED';

  constructor(verb: string) {
    super(`cannot ${verb}: the saga engine of this process is closed`);
  }
}
