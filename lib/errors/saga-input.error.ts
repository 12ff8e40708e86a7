import { SagaError } from './saga.error';

/** Thrown when a value cannot be stored as JSON without loss. `path` is a JSON pointer to the place; the value itself is never repeated. */
export class SagaInputError extends SagaError {
  readonly code = 'SAGA_INPUT';

  constructor(
    readonly problem: string,
    readonly path: string,
    readonly reason: string,
  ) {
    super(`${problem} at "${path}": ${reason}`);
  }
}
