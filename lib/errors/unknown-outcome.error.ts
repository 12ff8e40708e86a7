import { SagaError } from './saga.error';

/** Thrown by a handler that cannot tell whether its effect happened. The step is then undone when the saga fails. */
export class UnknownOutcomeError extends SagaError {
  readonly code = 'SAGA_UNKNOWN_OUTCOME';
}
