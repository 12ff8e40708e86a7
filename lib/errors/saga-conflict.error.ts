import { SagaError } from './saga.error';

/** Thrown by `start()` when the business key already belongs to a saga that was started with another input. */
export class SagaConflictError extends SagaError {
  readonly code = 'SAGA_CONFLICT';

  constructor(
    readonly sagaName: string,
    readonly businessKey: string,
    readonly sagaId: string,
  ) {
    super(
      `business key "${businessKey}" of "${sagaName}" already started saga ${sagaId} with another input; use a new key, or the same input to get that saga`,
    );
  }
}
