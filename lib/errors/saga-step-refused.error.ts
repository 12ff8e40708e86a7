import { SagaError } from './saga.error';

/** Thrown by the repository when an update asks for a change that the state machine does not have. */
export class SagaStepRefusedError extends SagaError {
  readonly code = 'SAGA_STEP_REFUSED';

  constructor(
    readonly sagaId: string,
    what: string,
    why: string,
  ) {
    super(`saga ${sagaId} refuses ${what}: ${why}`);
  }
}
