import type { ConditionSpec } from '../core/condition-spec';
import type { Isolation, StepKind } from '../core/plan';
import type { RetryOptions } from '../core/retry-policy';
import type { StandardSchemaV1 } from '../core/standard-schema';

/** Symbols of the global registry, so that two copies of this package in one application agree. */
export const STEP_METADATA = Symbol.for('nest-saga:step');
export const COMPENSATE_METADATA = Symbol.for('nest-saga:compensate');
export const VERIFY_METADATA = Symbol.for('nest-saga:verify');
export const CONDITION_METADATA = Symbol.for('nest-saga:condition');
export const DEFINITION_METADATA = Symbol.for('nest-saga:definition');

export interface HandlerOptions {
  /** One attempt may take this many milliseconds; then its signal aborts. Default: the module's (60,000). */
  readonly timeoutMs?: number;
  /** When a thrown error is tried again. Default: a step is not, a compensation 20 times. */
  readonly retry?: RetryOptions;
  /** Name of the `SagaModule` that this handler belongs to. Default: the unnamed one. */
  readonly instance?: string;
}

/** How an effect and its outcome belong together. */
interface EffectOptions {
  /**
   * The handler runs in a transaction of the application's DataSource, `ctx.manager`, which commits together with its outcome: what it
   * writes takes effect exactly once or not at all. Needs `typeOrmStore()`. Default: false.
   */
  readonly transactional?: boolean;
  /** Of that transaction. Default: READ COMMITTED. */
  readonly isolation?: Isolation;
  /**
   * What an error means that says nothing about the effect. A `StepError` always means `failed`, a reset connection always `unknown`.
   * Default: the module's (`failed`).
   */
  readonly onThrow?: 'failed' | 'unknown';
}

export interface SagaStepOptions extends HandlerOptions, EffectOptions {
  /** True: the step is undone also when it failed by its own word; the compensation sees `ctx.outcome === 'failed'`. Default: false. */
  readonly compensateOnFailure?: boolean;
  /** The names of the context that it may set with `ctx.setContext()`, and no others; the linter finds steps that may set one at the same time. Default: any. */
  readonly sets?: readonly string[];
  /** In a `@SagaDefinition` class: null says that nothing undoes this step, on purpose. Default: its `@Compensate` method, if there is one. */
  readonly compensation?: null;
  /**
   * What the step takes and returns, in any library that follows standardschema.dev. An input that does not fit fails the step before the
   * handler is called (`SAGA_SCHEMA_INPUT`), an output that does not is an unknown outcome (`SAGA_SCHEMA_OUTPUT`); what a schema transforms
   * is what the handler gets and what is stored. Default: anything.
   */
  readonly schema?: { readonly input?: StandardSchemaV1; readonly output?: StandardSchemaV1 };
  /** In a `@SagaDefinition` class: the steps that this one waits for. Default: the step written before it. */
  readonly after?: string | readonly string[];
  /** In a `@SagaDefinition` class: the step's input, with `ref()` for outputs of earlier steps. Default: the saga's input. */
  readonly input?: unknown;
  /**
   * In a `@SagaDefinition` class: `pivot` (no way back once it has completed), `retriable` (tried until it completes) or `optional` (the
   * saga goes on when it fails). Default: it can be undone, and its failure turns the saga back.
   */
  readonly kind?: StepKind;
  /** In a `@SagaDefinition` class: the step is skipped unless this holds; see `StepSpec`. Default: a `@SagaCondition` method, if the class has one. */
  readonly when?: ConditionSpec | string;
  /** In a `@SagaDefinition` class: key of a handler elsewhere that runs this step in place of the method. Default: the method. */
  readonly use?: string;
}

export interface CompensateOptions extends HandlerOptions, EffectOptions {
  /** Key of the action that this undoes when a plan names no compensation. Default: none; only plans that name it run it. */
  readonly for?: string;
}

/** `retry` is how often it is asked while the answer is `unknown` or no answer. Default: 5 attempts, exponential from 1,000 to 60,000. */
export type VerifyOptions = HandlerOptions;

/** Its time and its attempts are those of the step that it is asked for. */
export type ConditionOptions = Pick<HandlerOptions, 'instance'>;

export interface SagaDefinitionOptions {
  /** What its sagas are called, in the store, in logs and in business keys. */
  readonly name: string;
  /** The saga turns back when it has not completed within this many milliseconds. Default: never. */
  readonly deadlineMs?: number;
  /** What becomes of the other compensations when one is given up. Default: the module's (`halt`). */
  readonly onStuck?: 'halt' | 'continue';
  /**
   * At most this many compensations of the saga at a time, 1 to 1,000; 1 is the strict reverse order of start. Default: the module's (10).
   */
  readonly undosAtOnce?: number;
  /**
   * What the saga takes as its input, in any library that follows standardschema.dev: `start()` refuses anything else with a `SagaInputError`,
   * and stores what the schema makes of it. Default: anything.
   */
  readonly schema?: StandardSchemaV1;
  /** Name of the `SagaModule` that this saga belongs to. Default: the unnamed one. */
  readonly instance?: string;
}

export interface StepMetadata extends SagaStepOptions {
  readonly key: string;
}

export interface CompensateMetadata extends CompensateOptions {
  readonly key: string;
}

export interface VerifyMetadata extends VerifyOptions {
  readonly key: string;
}

export interface ConditionMetadata extends ConditionOptions {
  readonly key: string;
}

const COMMON_FIELDS = ['key', 'timeoutMs', 'retry', 'instance'];
const HANDLER_FIELDS = [...COMMON_FIELDS, 'transactional', 'isolation'];

/** Everything that the metadata of a decorator may hold. Anything else was misspelt. */
export const STEP_FIELDS: readonly string[] = [
  ...HANDLER_FIELDS,
  'onThrow',
  'compensateOnFailure',
  'sets',
  'schema',
  'compensation',
  'after',
  'input',
  'when',
  'use',
  'kind',
];
export const COMPENSATE_FIELDS: readonly string[] = [...HANDLER_FIELDS, 'onThrow', 'for'];
export const VERIFY_FIELDS: readonly string[] = COMMON_FIELDS;
export const CONDITION_FIELDS: readonly string[] = ['key', 'instance'];
export const DEFINITION_FIELDS: readonly string[] = ['name', 'deadlineMs', 'onStuck', 'undosAtOnce', 'schema', 'instance'];
