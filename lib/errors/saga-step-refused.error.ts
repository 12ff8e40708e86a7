import { SagaError } from './saga.error';

/**
 * Thrown when an order or an update asks for a change of a step that the state machine does not have. Says what the step is, and what
 * can be done instead.
 */
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
