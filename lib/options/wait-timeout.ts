import { SagaInputError } from '../errors';
import { knownFields } from '../core/known-fields';

/**
 * How long the options of `waitFor()` say to wait.
 *
 * @throws SagaInputError
 */
export function waitTimeoutOf(options: unknown): number {
  const { timeoutMs = 30_000 } = knownFields(options, 'wait options', ['timeoutMs']);
  if (typeof timeoutMs === 'number' && Number.isFinite(timeoutMs) && timeoutMs >= 0) return timeoutMs;
  throw new SagaInputError('wait options', '/timeoutMs', 'must be a number of milliseconds, 0 or more');
}
