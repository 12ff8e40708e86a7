import { SagaInputError } from '../errors';
import { knownFields } from '../core/known-fields';
import { isSagaId, isValidName, NAME_RULE } from '../core/names';
import { didYouMean } from '../core/suggestion';

const FIELDS = ['sagaId', 'name', 'types', 'buffer', 'signal'];
const TYPES = [
  'saga.started',
  'saga.ended',
  'saga.attention',
  'step.started',
  'step.completed',
  'step.skipped',
  'step.waiting',
  'step.failed',
];
const DEFAULT_BUFFER = 1_000;
const LARGEST_BUFFER = 100_000;

/** Which events somebody wants, and how many may wait. */
export interface StreamFilter {
  readonly sagaId: string | undefined;
  readonly name: string | undefined;
  readonly types: ReadonlySet<string> | undefined;
  readonly capacity: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * What the options of `events()` ask for.
 *
 * @throws SagaInputError
 */
export function streamFilterOf(options: unknown): StreamFilter {
  const { sagaId, name, types, buffer = DEFAULT_BUFFER, signal } = knownFields(options, 'event options', FIELDS);
  if (sagaId !== undefined && !isSagaId(sagaId)) refuse('/sagaId', 'is not the id of a saga');
  if (name !== undefined && !isValidName(name)) refuse('/name', `is not ${NAME_RULE}`);
  if (types !== undefined && !Array.isArray(types)) refuse('/types', `must be an array of ${TYPES.join(', ')}`);
  if (typeof buffer !== 'number' || !Number.isInteger(buffer) || buffer < 1 || buffer > LARGEST_BUFFER)
    refuse('/buffer', `must be a whole number from 1 to ${LARGEST_BUFFER.toLocaleString('en')}`);
  return {
    sagaId: sagaId,
    name: name,
    types: types === undefined ? undefined : new Set((types as readonly unknown[]).map(typeOf)),
    capacity: buffer,
    signal: signalOf(signal, 'event options'),
  };
}

/** @throws SagaInputError */
export function signalOf(signal: unknown, what: string): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal;
  throw new SagaInputError(what, '/signal', 'must be an AbortSignal');
}

function typeOf(type: unknown, place: number): string {
  if (typeof type === 'string' && TYPES.includes(type)) return type;
  const guess = typeof type === 'string' ? didYouMean(type, TYPES) : '';
  return refuse(`/types/${place}`, `must be one of ${TYPES.join(', ')}${guess}`);
}

function refuse(path: string, reason: string): never {
  throw new SagaInputError('event options', path, reason);
}
