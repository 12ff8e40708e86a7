import type { HandlerDeclaration, HandlerKind, HandlerPolicy } from '../core/handler-declaration';
import { isValidName, nameProblem, NAME_RULE, quoted } from '../core/names';
import type { Isolation } from '../core/plan';
import { retryPolicyOf, retryPolicyProblems } from '../core/retry-policy';
import { optionsProblems, unknownFieldProblems } from '../core/known-fields';
import { isStandardSchema } from '../core/standard-schema';
import {
  COMPENSATE_FIELDS,
  CONDITION_FIELDS,
  STEP_FIELDS,
  VERIFY_FIELDS,
  type CompensateOptions,
  type ConditionOptions,
  type SagaStepOptions,
  type VerifyOptions,
} from '../decorators/metadata';
import { didYouMean } from '../core/suggestion';
import type { MethodCaller } from './method-caller';
import type { MethodHandler } from './method-handler';

const ISOLATIONS: readonly Isolation[] = ['REPEATABLE READ', 'SERIALIZABLE'];

/** A provider. */
export interface Host {
  readonly instance: object;
  /** What Nest made it of: a class, or something else. */
  readonly type: unknown;
  /** The class that people know it by. */
  readonly className: string;
}

/** A decorated method of a provider. */
export interface HostMethod extends Host {
  readonly method: string;
}

type Options = Pick<
  SagaStepOptions,
  'timeoutMs' | 'retry' | 'transactional' | 'isolation' | 'onThrow' | 'compensateOnFailure' | 'sets' | 'schema'
>;

const DECORATORS: Readonly<Record<HandlerKind, string>> = {
  action: '@SagaStep',
  undo: '@Compensate',
  verify: '@Verify',
  condition: '@SagaCondition',
};
const FIELDS: Readonly<Record<HandlerKind, readonly string[]>> = {
  action: STEP_FIELDS,
  undo: COMPENSATE_FIELDS,
  verify: VERIFY_FIELDS,
  condition: CONDITION_FIELDS,
};

/** The decorator of a handler, as it is written. */
export function decoratorOf(kind: HandlerKind, key?: string): string {
  return key === undefined ? DECORATORS[kind] : `${DECORATORS[kind]}('${key}')`;
}

/** Gathers the handlers of one engine, and everything that is wrong with them. */
export class HandlerCollector {
  readonly handlers: MethodHandler[] = [];
  readonly problems: string[] = [];

  constructor(private readonly caller: MethodCaller) {}

  addAction(at: HostMethod, key: string, options: SagaStepOptions): void {
    this.add(at, 'action', key, null, options);
  }

  addUndo(at: HostMethod, key: string, undoes: string | null, options: CompensateOptions): void {
    this.add(at, 'undo', key, undoes, options);
  }

  addVerify(at: HostMethod, key: string, options: VerifyOptions): void {
    this.add(at, 'verify', key, null, options);
  }

  addCondition(at: HostMethod, key: string, options: ConditionOptions): void {
    this.add(at, 'condition', key, null, options);
  }

  refuse(direction: HandlerKind, at: HostMethod, problem: string): void {
    this.problems.push(`${decoratorOf(direction)} on ${at.className}.${at.method}: ${problem}`);
  }

  private add(at: HostMethod, direction: HandlerKind, key: string, undoes: string | null, options: Options & ConditionOptions): void {
    const problems = [...problemsOf(key, undoes, options), ...unknownFieldProblems(options, FIELDS[direction])];
    for (const problem of problems) this.refuse(direction, at, problem);
    if (problems.length > 0) return;
    const declaration: HandlerDeclaration = { direction, key, undoes, policy: policyOf(options) };
    const { schema } = options;
    const call = this.caller.callerOf(at.instance, at.type, at.method);
    this.handlers.push({ declaration, where: `${at.className}.${at.method}`, ...(schema !== undefined && { schemas: schema }), call });
  }

  /** Keys that more than one method has. */
  duplicates(): readonly string[] {
    const places = new Map<string, string[]>();
    for (const { declaration, where } of this.handlers) {
      const name = decoratorOf(declaration.direction, declaration.key);
      places.set(name, [...(places.get(name) ?? []), where]);
    }
    return [...places]
      .filter(([, found]) => found.length > 1)
      .map(([name, found]) => `${name} is on ${found.join(' and on ')}; a key has one handler (is the class a provider of two modules?)`);
  }

  /** Whoever is asked after an action hears of it through the wake-ups of that action. */
  strayVerifiers(): readonly string[] {
    const keysOf = (kind: HandlerKind): readonly string[] =>
      this.handlers.flatMap(({ declaration: { direction, key } }) => (direction === kind ? [key] : []));
    const actions = keysOf('action');
    return this.handlers.flatMap(({ declaration: { direction, key }, where }) => {
      if (direction !== 'verify' || actions.includes(key)) return [];
      const remedy = `it belongs into the process that has ${decoratorOf('action', key)}`;
      return [`${decoratorOf('verify', key)} on ${where}: this process has no such action${didYouMean(key, actions)}; ${remedy}`];
    });
  }
}

function policyOf({ timeoutMs, retry, onThrow, compensateOnFailure, transactional, isolation, sets }: Options): HandlerPolicy {
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(retry !== undefined && { retry: retryPolicyOf(retry) }),
    ...(transactional === true && { transactional }),
    ...(isolation !== undefined && { isolation }),
    ...(onThrow !== undefined && { onThrow }),
    ...(compensateOnFailure !== undefined && { compensateOnFailure }),
    ...(sets !== undefined && { sets }),
  };
}

function problemsOf(key: string, undoes: string | null, options: Options): readonly string[] {
  const { retry, timeoutMs, onThrow, compensateOnFailure, sets } = options;
  const problems = retry === undefined ? [] : retryPolicyProblems(retry);
  const keyProblem = nameProblem('the key', key);
  if (keyProblem !== null) problems.push(keyProblem);
  if (undoes !== null && !isValidName(undoes)) problems.push(`"for" ${quoted(undoes)} is not ${NAME_RULE}`);
  if (timeoutMs !== undefined && !(Number.isFinite(timeoutMs) && timeoutMs > 0)) problems.push('timeoutMs must be a number above 0');
  if (onThrow !== undefined && !['failed', 'unknown'].includes(onThrow)) problems.push("onThrow must be 'failed' or 'unknown'");
  if (compensateOnFailure !== undefined && typeof compensateOnFailure !== 'boolean')
    problems.push('compensateOnFailure must be true or false');
  if (sets !== undefined && !(Array.isArray(sets) && sets.every((name) => typeof name === 'string')))
    problems.push('sets must be an array of names');
  return [...problems, ...stepSchemaProblems(options), ...transactionProblems(options)];
}

function stepSchemaProblems({ schema }: Options): readonly string[] {
  if (schema === undefined) return [];
  const problems = optionsProblems('schema', schema, ['input', 'output']);
  if (problems.length > 0) return problems;
  const { input, output } = schema;
  return [...schemaProblem('schema.input', input), ...schemaProblem('schema.output', output)];
}

/** What is wrong with an option that is to be a schema. */
export function schemaProblem(option: string, schema: unknown): readonly string[] {
  if (schema === undefined || isStandardSchema(schema)) return [];
  return [`${option} must be a schema of a library that follows standardschema.dev (Zod, Valibot, ArkType ...), not ${quoted(schema)}`];
}

function transactionProblems({ transactional, isolation }: Options): readonly string[] {
  if (transactional !== undefined && typeof transactional !== 'boolean') return ['transactional must be true or false'];
  if (isolation === undefined) return [];
  if (!ISOLATIONS.includes(isolation))
    return [`isolation must be one of ${ISOLATIONS.map((name) => `'${name}'`).join(', ')}, or be left out`];
  return transactional === true ? [] : ['isolation is of a transaction, and this handler has none; add transactional: true'];
}
