import { isRecord } from '../core/known-fields';
import { quoted } from '../core/names';

interface Definition<E> {
  problems(environment: E): readonly string[];
}

/** What stands in the way of the store or the transport, which may be no such thing at all. */
export function definitionProblems<E>(option: 'store' | 'transport', definition: Definition<E>, environment: E): readonly string[] {
  const given: unknown = definition;
  if (isRecord(given) && typeof given['problems'] === 'function' && typeof given['create'] === 'function')
    return definition.problems(environment);
  const example = option === 'store' ? 'typeOrmStore({ … })' : 'rabbitMqTransport({ … })';
  return [`option "${option}" must be what ${example} returns, not ${quoted(given)}`];
}
