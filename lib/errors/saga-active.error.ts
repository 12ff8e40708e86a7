import { SagaError } from './saga.error';

/** Thrown by `delete()` when the saga has not ended yet, or one that it is a part of (`partOf`), which may still have to undo it. */
export class SagaActiveError extends SagaError {
  readonly code = 'SAGA_ACTIVE';

  constructor(
    readonly sagaId: string,
    /** Of the saga that has not ended. */
    readonly state: string,
    readonly partOf: string | null = null,
  ) {
    const it = partOf === null ? `saga ${sagaId}` : `saga ${partOf}, which saga ${sagaId} is a part of,`;
    super(`${it} is ${state}; only a saga that has ended can be deleted. Compensate it first, or wait for it`);
  }
}
