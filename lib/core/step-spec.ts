import type { StepKind } from './plan';
import type { ConditionSpec } from './condition-spec';
import type { RetryOptions } from './retry-policy';

/** One step of `start(name, steps)`, as plain data. */
export type StepSpec = PlainStep | SleepStep | SignalStep | ChildStep | MapStep;

/** What every step may say. */
interface AnyStep {
  /** Unique within the saga. */
  readonly name: string;
  /** Names of the steps this one waits for. Default: the element before it in the list. */
  readonly dependsOn?: readonly string[];
  /**
   * The step runs only if this holds; else it is skipped, and the saga goes on. Plain data about the context and earlier outputs, or the key
   * of a `@SagaCondition` method. Default: it runs.
   */
  readonly when?: ConditionSpec | string;
}

/** The saga goes on when the step fails. Default: its failure turns the saga back. */
export type OptionalKind = 'optional';

/** A pause: the steps after it begin no sooner. */
export interface SleepStep extends AnyStep {
  /** Milliseconds, by the database's clock. It survives everything that a saga survives. */
  readonly sleepMs: number;
}

/** Waits until somebody calls `sagas.signal()` with this name. The payload of the signal is the output of the step. */
export interface SignalStep extends AnyStep {
  /** Each signal ends one step: the oldest one that is left, also one that came before the step began to wait. */
  readonly signal: string;
  /** Milliseconds; after them the step fails with the code `SIGNAL_TIMEOUT`. Default: it waits for as long as it takes. */
  readonly timeoutMs?: number;
  readonly kind?: OptionalKind;
}

/** A step that runs another saga, waits for its end, and completes with the output of its last step. Its undo undoes that saga. */
export interface ChildStep extends AnyStep {
  /** Its steps, what `defineSaga()` made, or, for `SagaService`, a class with `@SagaDefinition`. */
  readonly saga: ChildSaga | SagaClass;
  /** What that saga is given as its context: anything that JSON can hold, with `ref()` and `contextRef()` of this saga. Default {}. */
  readonly context?: unknown;
  readonly kind?: OptionalKind;
  /** The steps of that saga say how they are undone. */
  readonly compensation?: never;
}

export interface ChildSaga {
  /** What the saga that the step runs is called. */
  readonly name: string;
  readonly steps: StepList;
  /** The child turns back when it has not completed within this many milliseconds. Default: never. */
  readonly deadlineMs?: number | undefined;
  /** What becomes of its other compensations when one is given up. Default: the module's (`halt`). */
  readonly onStuck?: 'halt' | 'continue' | undefined;
  /** At most this many of its compensations at a time, 1 to 1,000. Default: the module's (10). */
  readonly undosAtOnce?: number | undefined;
}

/** What a class is here, where none is known: whoever knows them puts the saga in its place. */
export type SagaClass = abstract new (...args: never[]) => unknown;

/** A step that runs one action for each item of a list, and completes with their outputs in the order of the items. */
export interface MapStep extends AnyStep {
  readonly map: MapOptions;
  readonly kind?: OptionalKind;
  /** See `map.compensation`. */
  readonly compensation?: never;
}

export interface MapOptions {
  /** The list, or where it comes from: `ref()`, `contextRef()`. Up to 10,000 items. */
  readonly over: unknown;
  /** Key of the handler that gets one item as its input. */
  readonly action: string;
  /** Key of the handler that undoes one item. Null: nothing to undo, on purpose. Default: the one declared `for` the action. */
  readonly compensation?: string | null;
  /** At most this many items at a time. Default 10. */
  readonly limit?: number;
  /** Of one item. Default: the handler's policy, else one attempt. */
  readonly retry?: RetryOptions;
  /** Of one attempt for one item, in milliseconds. Default: the handler's, then the module's (60,000). */
  readonly timeoutMs?: number;
}

/** A step that a handler runs. */
export interface PlainStep extends AnyStep {
  /** Key of the handler that runs it: `@SagaStep(key)`. */
  readonly action: string;
  /**
   * Key of the handler that undoes it. null: nothing to undo, on purpose. Left out: the one declared `@Compensate(…, { for: action })`; if
   * there is none, the step is never undone.
   */
  readonly compensation?: string | null;
  /** Anything that JSON can hold, with `ref()` where a value comes from an earlier step. Default null. */
  readonly input?: unknown;
  /** One attempt may take this many milliseconds. Default: the handler's, then the module's (60,000). */
  readonly timeoutMs?: number;
  /** When a failed attempt is tried again. Default: the handler's policy, else one attempt. */
  readonly retry?: RetryOptions;
  /** True: it is undone also when it failed by its own word. Default: the handler's, else false. */
  readonly compensateOnFailure?: boolean;
  /**
   * What an error means that says nothing about the effect. A `StepError` always means `failed`, a reset connection always `unknown`.
   * Default: the handler's, then the module's (`failed`).
   */
  readonly onThrow?: 'failed' | 'unknown';
  /**
   * `pivot`: when it has completed there is no way back; one in a saga at most, and only `retriable` and `optional` steps beside and after
   * it. `retriable`: it is tried until it completes; when the attempts of its `retry` are used up (default: 10, from 1 s to 60 s) a person
   * is told. `optional`: the saga goes on when it fails. Default: it can be undone, and its failure turns the saga back.
   */
  readonly kind?: StepKind;
}

/** Steps in order; a nested array is a group that runs in parallel. */
export type StepList = readonly (StepSpec | readonly StepSpec[])[];
