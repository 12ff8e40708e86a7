import type { HandlerDeclaration, HandlerKind } from '../core/handler-declaration';
import type { Json } from '../core/json';
import type { ActionOutcome } from '../core/operation';

/** Calls user code. Knows nothing of sagas beyond the key of a handler. */
export interface StepInvoker {
  readonly declarations: readonly HandlerDeclaration[];
  has(kind: HandlerKind, key: string): boolean;
  /** Rejects with whatever the handler threw. */
  invoke(kind: HandlerKind, key: string, payload: Json | undefined, context: HandlerContext): Promise<unknown>;
}

/** What a handler may return in place of an output; its context makes it. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- opaque: only the engine looks inside
export interface StepWord {}

/** The words that a handler can say through its context. */
export interface ContextVerbs {
  /** `return ctx.skip('nothing to ship')`: the step ends as `skipped` and is not undone; the saga goes on. Of a compensation: nothing to undo. */
  skip(reason: string): StepWord;
  /**
   * `return ctx.suspend({ timeoutMs })`: the handler is done, the step waits, without a worker, until `SagaCallbacks` ends it. `timeoutMs` is
   * how long it waits at most. Default: for as long as it takes.
   */
  suspend(options?: { readonly timeoutMs?: number }): StepWord;
  /** `return ctx.finish(output)`: the saga completes here, early and well; what has not begun is skipped. Steps only. */
  finish(output?: unknown): StepWord;
  /** Later handlers see these names in `ctx.saga.context`, if and when this attempt ends well. References still mean what was given at start. */
  setContext(patch: object): void;
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
}

/** The second argument of a `@SagaStep` method. */
export type StepContext<C = unknown> = HandlerContext<C>;

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
