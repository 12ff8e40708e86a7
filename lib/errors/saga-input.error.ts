import { SagaError } from './saga.error';

/** One thing that is wrong with a value. */
export interface InputProblem {
  /** JSON pointer to the place. */
  readonly path: string;
  readonly reason: string;
}

/**
 * Thrown when a value cannot be stored as JSON without loss, or does not fit its schema. `path` is a JSON pointer to the place; the value
 * itself is never repeated. `others`: what else its schema finds wrong.
 */
export class SagaInputError extends SagaError {
  readonly code = 'SAGA_INPUT';

  constructor(
    readonly problem: string,
    readonly path: string,
    readonly reason: string,
    readonly others: readonly InputProblem[] = [],
    /** Nothing is wrong with it but its size. */
    readonly isTooLarge = false,
  ) {
    const also = others.map((other) => `;${other.path === '' ? '' : at(other.path)} ${other.reason}`).join('');
    super(`${problem}${path === '' ? ':' : at(path)} ${reason}${also}`);
  }
}

function at(path: string): string {
  return ` at "${printable(path)}":`;
}

/** Keys are data: they are cut, and bring no control characters into a log or a row. */
function printable(path: string): string {
  const short = path.length > 500 ? `${path.slice(0, 500)}...` : path;
  return short.replace(/\p{Cc}/gu, '?').toWellFormed();
}
