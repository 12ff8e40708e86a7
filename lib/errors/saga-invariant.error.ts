import { SagaError } from './saga.error';

/** Thrown when something that cannot happen did. Please report it. */
export class SagaInvariantError extends SagaError {
  readonly code = 'SAGA_INVARIANT';

  constructor(what: string) {
    super(`invariant broken: ${what}`);
  }
}
