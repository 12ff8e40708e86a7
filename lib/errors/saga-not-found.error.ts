import { SagaError } from './saga.error';

/** Thrown when no saga has this id (it was never started, or it was deleted). */
export class SagaNotFoundError extends SagaError {
  readonly code = 'SAGA_NOT_FOUND';

  constructor(readonly sagaId: string) {
    super(`no saga has the id "${sagaId.slice(0, 40).replace(/[^\x20-\x7e]/g, '?')}"`);
  }
}
