import { StepError, UnknownOutcomeError } from '../errors';
import type { HandlerKind } from '../core/handler-declaration';
import type { Json } from '../core/json';
import { described, schemaProblemsOf, type StandardSchemaV1 } from '../core/standard-schema';
import type { HandlerContext, StepInvoker, StepSchemas } from '../ports/step-invoker';
import { verb, verbIn } from './handler-verb';

/** Calls a handler behind the schemas of its step: not with an input that does not fit, and what it returns is made to fit or refused. */
export function invokeChecked(
  invoker: StepInvoker,
  kind: HandlerKind,
  key: string,
  payload: Json | undefined,
  context: HandlerContext,
): Promise<unknown> {
  const schemas = invoker.schemasOf?.(kind, key);
  const invoke: Invoke = (given) => invoker.invoke(kind, key, given, context);
  return schemas === undefined ? invoke(payload) : invokeBehind(schemas, key, payload, invoke);
}

type Invoke = (given: unknown) => Promise<unknown>;

async function invokeBehind({ input, output }: StepSchemas, key: string, payload: Json | undefined, invoke: Invoke): Promise<unknown> {
  const returned = await invoke(input === undefined ? payload : await checkedInput(input, key, payload));
  if (output === undefined) return returned;
  const word = verbIn(returned);
  if (word === null) return checkedOutput(output, key, returned);
  return word.kind === 'finish' ? verb({ ...word, output: await checkedOutput(output, key, word.output) }) : returned;
}

async function checkedInput(schema: StandardSchemaV1, key: string, payload: unknown): Promise<unknown> {
  const checked = await check(schema, payload);
  if ('value' in checked) return checked.value;
  // What a schema throws may pass; what it finds wrong with an input does not.
  const { problems, cause, mayPass } = checked;
  const message = `the input of "${key}" does not fit its schema: ${problems}`;
  throw new StepError({ code: 'SAGA_SCHEMA_INPUT', message, ...(!mayPass && { retryable: false }), cause });
}

/** The handler has run: whatever it did, nobody can build on it. */
async function checkedOutput(schema: StandardSchemaV1, key: string, returned: unknown): Promise<unknown> {
  const checked = await check(schema, returned);
  if ('value' in checked) return checked.value;
  const { problems, cause } = checked;
  const error = new UnknownOutcomeError(`"${key}" has returned, but its output does not fit its schema: ${problems}`, { cause });
  throw Object.assign(error, { code: 'SAGA_SCHEMA_OUTPUT', retryable: false });
}

interface Misfit {
  readonly problems: string;
  readonly mayPass: boolean;
  readonly cause?: unknown;
}

async function check(schema: StandardSchemaV1, value: unknown): Promise<{ readonly value: unknown } | Misfit> {
  try {
    const result = await schema['~standard'].validate(value);
    if (result.issues === undefined) return { value: result.value };
    return { problems: described(schemaProblemsOf(result.issues)), mayPass: false };
  } catch (error) {
    return { problems: `it threw ${error instanceof Error ? error.message : typeof error}`, mayPass: true, cause: error };
  }
}
