import { SagaInputError } from '../errors';
import { isStandardSchema, schemaProblemsOf, type StandardSchemaV1 } from '../core/standard-schema';
import { quoted } from '../core/names';

/**
 * What a schema makes of the input of a saga.
 *
 * @throws SagaInputError naming everything that does not fit
 */
export async function checkedContext(saga: string, schema: StandardSchemaV1, given: unknown): Promise<unknown> {
  if (!isStandardSchema(schema)) throw new SagaInputError('options', '/context', `must be a schema, not ${quoted(schema)}`);
  const result = await schema['~standard'].validate(given);
  if (result.issues === undefined) return result.value;
  const [first, ...others] = schemaProblemsOf(result.issues);
  throw new SagaInputError(`input of saga "${saga}"`, first?.path ?? '', first?.reason ?? 'does not fit its schema', others);
}
