import type { ConditionSpec } from '../core/condition-spec';
import type { StepKind } from '../core/plan';
import type { RetryOptions } from '../core/retry-policy';
import type { ActionInput } from '../core/saga-actions';
import type { ChildSaga, MapOptions, OptionalKind, SagaClass } from '../core/step-spec';

/** What a step's input may be made of. Only properties can be taken: the values do not exist when the saga is defined. */
export interface InputSources<Context, Outputs> {
  readonly outputs: Outputs;
  /** What was given to `start()`. */
  readonly context: Context;
  /** What is taken when there is nothing, because a step was skipped or returned no such thing: `or(outputs.discount.amount, 0)`. */
  or<T>(value: T, otherwise: NonNullable<T>): NonNullable<T>;
}

/** What every kind of step may say. */
interface AnyOptions {
  /** The step runs only if this holds: data about the context and earlier outputs, or the key of a `@SagaCondition`. Default: it runs. */
  readonly when?: ConditionSpec | string;
}

export interface StepOptions<Context, Outputs, Key extends string> extends AnyOptions {
  /** Key of the handler that runs the step. */
  readonly action: Key;
  /** Key of its undo; null: none, on purpose. Default: the one declared `for` the action. */
  readonly compensation?: string | null;
  /** A value, or a function of earlier outputs and the context that runs once, when the saga is defined. Default null. */
  readonly input?: ActionInput<Key> | ((from: InputSources<Context, Outputs>) => ActionInput<Key>);
  /** One attempt may take this many milliseconds. Default: the handler's, then the module's (60,000). */
  readonly timeoutMs?: number;
  /** Default: the handler's policy, else one attempt. */
  readonly retry?: RetryOptions;
  /** True: it is undone also when it failed by its own word. Default: the handler's, else false. */
  readonly compensateOnFailure?: boolean;
  /**
   * What an error means that says nothing about the effect. A `StepError` always means `failed`, a reset connection always `unknown`.
   * Default: the handler's, then the module's (`failed`).
   */
  readonly onThrow?: 'failed' | 'unknown';
  /**
   * `pivot` (no way back once it has completed), `retriable` (tried until it completes) or `optional` (the saga goes on when it fails).
   * Default: it can be undone, and its failure turns the saga back.
   */
  readonly kind?: StepKind;
}

/** Of a pause. */
export interface SleepOptions extends AnyOptions {
  /** Milliseconds, by the database's clock. */
  readonly sleepMs: number;
}

/** Of a step that waits for `sagas.signal()`. */
export interface WaitForSignalOptions extends AnyOptions {
  /** The name of the signal. */
  readonly signal: string;
  /** Milliseconds; after them the step fails with the code `SIGNAL_TIMEOUT`. Default: it waits for as long as it takes. */
  readonly timeoutMs?: number;
  /** Default: its failure turns the saga back. */
  readonly kind?: OptionalKind;
}

/** Of a step that runs another saga; `C` is what that saga takes as its context, if it says so. */
export interface ChildOptions<Context, Outputs, C> extends AnyOptions {
  /** What `defineSaga()` made, `{ name, steps }`, or a class with `@SagaDefinition`. */
  readonly saga: (ChildSaga & { readonly $context?: C }) | SagaClass;
  /** What that saga is given. Default {}. */
  readonly context?: NoInfer<C> | ((from: InputSources<Context, Outputs>) => NoInfer<C>);
  /** Default: its failure turns the saga back. */
  readonly kind?: OptionalKind;
}

/** Of a step that runs one action for each item of a list. */
export interface EachOptions<Context, Outputs, Key extends string> extends AnyOptions, Omit<MapOptions, 'over' | 'action'> {
  /** Key of the handler that gets one item as its input. */
  readonly action: Key;
  /** The list, or where it comes from. */
  readonly over: readonly ActionInput<Key>[] | ((from: InputSources<Context, Outputs>) => readonly ActionInput<Key>[]);
  /** Default: its failure turns the saga back. */
  readonly kind?: OptionalKind;
}
