import { SagaError } from './saga.error';

/** What is looked at of a saga that did not complete. */
export interface EndedSaga {
  readonly id: string;
  readonly name: string;
  readonly state: string;
}

/** Thrown by `execute()` when the saga ended as `failed` or `compensated`. Nothing is left to be done. */
export class SagaFailedError<S extends EndedSaga = EndedSaga> extends SagaError {
  readonly code = 'SAGA_FAILED';

  constructor(
    /** As it ended; `cause` and its steps say why. */
    readonly saga: S,
    why: string,
  ) {
    super(`saga ${saga.id} of "${saga.name}" is ${saga.state}: ${why}`);
  }
}
