import { SagaInputError } from '../errors';
import { knownFields } from '../core/known-fields';
import { isSagaId, isValidName, NAME_RULE } from '../core/names';
import { ACTIVE_STATES, TERMINAL_STATES, type SagaState } from '../core/saga-value';
import { didYouMean } from '../core/suggestion';
import type { SagaQuery } from '../ports/saga-store';

const FIELDS = ['state', 'name', 'attention', 'parent', 'limit', 'before'];
const STATES: readonly SagaState[] = [...ACTIVE_STATES, ...TERMINAL_STATES];

/**
 * What the options of `list()` ask the store for.
 *
 * @throws SagaInputError
 */
export function listQueryOf(options: unknown): SagaQuery {
  const { state, name, attention, parent, limit = 100, before } = knownFields(options, 'list options', FIELDS);
  if (typeof limit !== 'number' || !Number.isInteger(limit) || limit < 1 || limit > 1_000)
    return refuse('/limit', 'must be a whole number from 1 to 1,000');
  if (name !== undefined && !isValidName(name)) return refuse('/name', `is not ${NAME_RULE}`);
  if (before !== undefined && !isSagaId(before)) return refuse('/before', 'is not the id of a saga');
  if (parent !== undefined && !isSagaId(parent)) return refuse('/parent', 'is not the id of a saga');
  if (attention !== undefined && typeof attention !== 'boolean') return refuse('/attention', 'must be true or false');
  return {
    limit,
    ...(state === undefined ? {} : { states: [state].flat().map((one) => stateOf(one, 'list options', '/state')) }),
    ...(name === undefined ? {} : { name }),
    ...(attention === undefined ? {} : { attention }),
    ...(parent === undefined ? {} : { parent }),
    ...(before === undefined ? {} : { before }),
  };
}

/** @throws SagaInputError when it is the name of no state */
export function stateOf(state: unknown, what: string, path = ''): SagaState {
  if (STATES.includes(state as SagaState)) return state as SagaState;
  const guess = typeof state === 'string' ? didYouMean(state, STATES) : '';
  throw new SagaInputError(what, path, `must be one of ${STATES.join(', ')}${guess}`);
}

function refuse(path: string, reason: string): never {
  throw new SagaInputError('list options', path, reason);
}
