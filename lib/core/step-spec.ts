import type { StepKind } from './plan';
import type { ConditionSpec } from './condition-spec';
import type { RetryOptions } from './retry-policy';

/** One step of `start(name, steps)`, as plain data. */
export type StepSpec = PlainStep | SleepStep | SignalStep;

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
   * `pivot`: when it has completed there is no way back; one in a saga at most, and only `retriable` and `optional` steps beside and after
   * it. `retriable`: it is tried until it completes; when the attempts of its `retry` are used up (default: 10, from 1 s to 60 s) a person
   * is told. `optional`: the saga goes on when it fails. Default: it can be undone, and its failure turns the saga back.
   */
  readonly kind?: StepKind;
}

/** Steps in order; a nested array is a group that runs in parallel. */
export type StepList = readonly (StepSpec | readonly StepSpec[])[];
