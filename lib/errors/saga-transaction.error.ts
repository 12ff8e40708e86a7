import { SagaError } from './saga.error';

/**
 * Thrown inside a handler with `transactional: true` that wants to end its transaction itself, or to use it when it is over; and the
 * code of a step that failed because of that, of an `await` that was forgotten, or of an SQL error that was swallowed.
 */
export class SagaTransactionError extends SagaError {
  readonly code = 'SAGA_TRANSACTION';
}
