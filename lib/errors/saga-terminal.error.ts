import { SagaError } from './saga.error';

/** Thrown when something is asked of a saga that has ended: a terminal state never changes. */
export class SagaTerminalError extends SagaError {
  readonly code = 'SAGA_TERMINAL';

  constructor(
    readonly sagaId: string,
    readonly state: string,
    verb: string,
  ) {
    super(`cannot ${verb} saga ${sagaId}: it is ${state}, and a terminal state never changes`);
  }
}
