import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { ActionOutcome } from '../core/operation';
import type { StepWord } from '../core/step-word';
import type { StandardSchemaV1 } from '../core/standard-schema';

/** Calls user code. Knows nothing of sagas beyond the key of a handler. */
export interface StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  has(kind: HandlerKind, key: string): boolean;
  /** Rejects with whatever the handler threw. `payload` is JSON, or what the input's schema has made of it. */
  invoke(kind: HandlerKind, key: string, payload: unknown, context: HandlerContext): Promise<unknown>;
  /** What goes into a handler and what comes out of it. Default: anything. */
  schemasOf?(kind: HandlerKind, key: string): StepSchemas | undefined;
}

/** Schemas of any library that follows https://standardschema.dev (Zod, Valibot, ArkType …). */
export interface StepSchemas {
  /** The handler gets what this makes of the input; it is not called, and the step has failed (`SAGA_SCHEMA_INPUT`), when it does not fit. */
  readonly input?: StandardSchemaV1;
  /** What this makes of the handler's output is stored. An output that does not fit is an unknown outcome (`SAGA_SCHEMA_OUTPUT`). */
  readonly output?: StandardSchemaV1;
}

/** The words that a handler can say through its context. */
export interface ContextVerbs {
  /** `return ctx.skip('nothing to ship')`: the step ends as `skipped` and is not undone; the saga goes on. Of a compensation: nothing to undo. */
  readonly skip: (reason: string) => StepWord;
  /**
   * `return ctx.suspend({ timeoutMs })`: the handler is done, the step waits, without a worker, until `SagaCallbacks` ends it. `timeoutMs` is
   * how long it waits at most. Default: for as long as it takes.
   */
  readonly suspend: (options?: { readonly timeoutMs?: number }) => StepWord;
  /** `return ctx.finish(output)`: the saga completes here, early and well; what has not begun is skipped. Steps only. */
  readonly finish: (output?: unknown) => StepWord;
  /** Later handlers see these names in `ctx.saga.context`, if and when this attempt ends well. References still mean what was given at start. */
  readonly setContext: (patch: object) => void;
}

/** What every handler gets as its second argument. `C` is the context given to `start()`. */
export interface HandlerContext<C = unknown> extends ContextVerbs {
  readonly saga: {
    readonly id: string;
    readonly name: string;
    readonly context: C;
    /** `options.metadata` of `start()`: request id, trace, tenant. No part of what makes two starts equal. */
    readonly metadata: Readonly<Record<string, unknown>>;
    readonly createdAt: Date;
  };
  readonly step: { readonly id: string; readonly name: string };
  /** From 1. Attempts that were lost with their process do not count. */
  readonly attempt: number;
  /** The same at every attempt: hand it to whatever performs the effect. */
  readonly idempotencyKey: string;
  /**
   * Whoever has it can end this step, once, by `SagaCallbacks`: give it to whoever does the work before `return ctx.suspend()`. The same at
   * every attempt. It is a secret: in no log, and in no error.
   */
  readonly callbackToken: string;
  /** Aborts when the attempt times out, its lease is lost or the saga turns back. */
  readonly signal: AbortSignal;
  /** Of a handler with `transactional: true`; see `TransactionalStepContext`. */
  readonly manager?: unknown;
  /**
   * What the steps have returned that this one comes after, by their names: read when it is asked for, and the same at every attempt. A step
   * that was skipped, or that failed, is not among them. `ref()` in the step's input costs no read of its own.
   */
  outputs<O extends object = Readonly<Record<string, unknown>>>(): Promise<O>;
}

/** The second argument of a `@SagaStep` method. */
export type StepContext<C = unknown> = HandlerContext<C>;

/** The second argument of a `@SagaCondition` method: a step's context, without the words that end one. */
export type ConditionContext<C = unknown> = Omit<HandlerContext<C>, keyof ContextVerbs | 'manager'>;

/** What a `@SagaCondition` method answers: whether the step is to run, and why not. `reason` ends up in the history. */
export type ConditionAnswer = boolean | { readonly run: boolean; readonly reason?: string };

/** The second argument of a `@Compensate` method. */
export interface CompensationContext<I = unknown, C = unknown> extends HandlerContext<C> {
  /**
   * `unknown`: nobody could say whether the action took effect, and there is no output. `failed`: it said itself that it did not, and
   * `compensateOnFailure` asks for its undo all the same.
   */
  readonly outcome: ActionOutcome;
  /** What the action was given. */
  readonly input: I;
  readonly actionIdempotencyKey: string;
  /** From 1. Every round of one undo has the same `idempotencyKey`. */
  readonly round: number;
}

/** The second argument of a `@Verify` method. */
export interface VerifyContext<C = unknown> extends HandlerContext<C> {
  /** The key under which the action was to take effect. */
  readonly actionIdempotencyKey: string;
}

/**
 * What a `@Verify` method answers. `done`: the saga goes on as if the action had returned `output` (left out: null). `not-done`: the
 * action has failed. `unknown`: it is asked again as its `retry` says, and in the end the action is undone when its saga fails.
 */
export type VerifyAnswer<O = unknown> =
  { readonly outcome: 'done'; readonly output?: O } | { readonly outcome: 'not-done' } | { readonly outcome: 'unknown' };

/**
 * The second argument of a `@SagaStep` method with `transactional: true`. `M` is what the store calls a transaction: TypeORM's
 * `EntityManager` with `typeOrmStore()`.
 */
export interface TransactionalStepContext<C = unknown, M = unknown> extends StepContext<C> {
  /** What is written through it commits together with the outcome of this step, or not at all. */
  readonly manager: M;
}

/** The second argument of a `@Compensate` method with `transactional: true`. */
export interface TransactionalCompensationContext<I = unknown, C = unknown, M = unknown> extends CompensationContext<I, C> {
  readonly manager: M;
}
