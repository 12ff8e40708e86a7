import { SagaError } from './saga.error';

/** Thrown when a value cannot be stored as JSON without loss. `path` is a JSON pointer to the place; the value itself is never repeated. */
export class SagaInputError extends SagaError {
  readonly code = 'SAGA_INPUT';

  constructor(
    readonly problem: string,
    readonly path: string,
    readonly reason: string,
    /** Nothing is wrong with it but its size. */
    readonly isTooLarge = false,
  ) {
    super(`${problem}${path === '' ? '' : ` at "${printable(path)}"`}: ${reason}`);
  }
}

/** Keys are data: they are cut, and bring no control characters into a log or a row. */
function printable(path: string): string {
  const short = path.length > 500 ? `${path.slice(0, 500)}...` : path;
  return short.replace(/\p{Cc}/gu, '?').toWellFormed();
}
