import { SagaError } from './saga.error';

/** Thrown when a saga is to turn back whose pivot has completed: from there it goes forward only. */
export class SagaPastPivotError extends SagaError {
  readonly code = 'SAGA_PAST_PIVOT';

  constructor(
    readonly sagaId: string,
    verb: string,
  ) {
    super(
      `cannot ${verb} saga ${sagaId}: its pivot has completed, and from there it goes forward only. Let it complete; or end it as it is with terminate(), and put right by hand what it did`,
    );
  }
}
