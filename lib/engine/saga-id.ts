import { quoted } from '../core/names';
import { SagaNotFoundError } from '../errors';

/**
 * An id as a caller gave it; what is no text is the id of no saga.
 *
 * @throws SagaNotFoundError
 */
export function sagaIdOf(id: unknown): string {
  if (typeof id === 'string') return id;
  throw new SagaNotFoundError(quoted(id));
}
