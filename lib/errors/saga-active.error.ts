import { SagaError } from './saga.error';

/** Thrown by `delete()` when the saga has not ended yet. */
export class SagaActiveError extends SagaError {
  readonly code = 'SAGA_ACTIVE';

  constructor(
    readonly sagaId: string,
    readonly state: string,
  ) {
    super(`saga ${sagaId} is ${state}; only a saga that has ended can be deleted. Compensate it first, or wait for it`);
  }
}
