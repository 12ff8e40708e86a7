import type { EndedSaga } from './saga-failed.error';
import { SagaError } from './saga.error';

/** Thrown by `execute()` when an undo of the saga was given up, or nobody knows whether its pivot took effect: a person must act. */
export class SagaStuckError<S extends EndedSaga = EndedSaga> extends SagaError {
  readonly code = 'SAGA_STUCK';

  constructor(readonly saga: S) {
    super(
      `saga ${saga.id} of "${saga.name}" is stuck: an undo was given up (mend what it needs, then compensate() tries it again), or nobody knows whether its pivot took effect (find out, then resolveStep() says so)`,
    );
  }
}
