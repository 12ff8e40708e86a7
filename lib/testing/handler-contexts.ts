import type { ActionOutcome } from '../core/operation';
import { isRecord, unknownFieldProblems } from '../core/known-fields';
import { contextVerbs, type ContextNotes } from '../engine/context-verbs';
import { verbIn, type VerbOf } from '../engine/handler-verb';
import type { CompensationContext, HandlerContext, StepContext, VerifyContext } from '../ports/step-invoker';
import { SagaTestError } from './saga-test.error';

/** What a test may say of the context that it makes. Whatever is left out has a value that no two contexts share. */
export interface ContextInit<C = unknown> {
  readonly saga?: Partial<HandlerContext<C>['saga']>;
  readonly step?: Partial<HandlerContext['step']>;
  /** Default: 1. */
  readonly attempt?: number;
  /** Default: made of the saga's id and the step's name, as the engine makes it. */
  readonly idempotencyKey?: string;
  /** Default: one that never aborts. */
  readonly signal?: AbortSignal;
  /** Of a handler with `transactional: true`. Default: none. */
  readonly manager?: unknown;
  /** Default: a text of its own. */
  readonly callbackToken?: string;
  /** What `ctx.outputs()` resolves with. Default: none. */
  readonly outputs?: Readonly<Record<string, unknown>>;
}

export interface CompensationContextInit<I = unknown, C = unknown> extends ContextInit<C> {
  /** What became of the action. Default: `completed`. */
  readonly outcome?: ActionOutcome;
  /** What the action was given. Default: undefined. */
  readonly input?: I;
  /** Default: the action's key in the same saga. */
  readonly actionIdempotencyKey?: string;
  /** Default: 1. */
  readonly round?: number;
}

export interface VerifyContextInit<C = unknown> extends ContextInit<C> {
  /** Default: the action's key in the same saga. */
  readonly actionIdempotencyKey?: string;
}

/** Beside what every context has: what the handler has said through it. */
export interface Listening {
  /** What `setContext()` was given in all, by its names. */
  readonly patch: Readonly<Record<string, unknown>>;
}

const FIELDS = ['saga', 'step', 'attempt', 'idempotencyKey', 'signal', 'manager', 'callbackToken', 'outputs'];
const LIMITS = { maxBytes: Infinity };

let made = 0;

/**
 * The second argument of a `@SagaStep` method, for a test that calls it by itself.
 *
 * @throws SagaTestError when a field is none
 * @example
 * const ctx = stepContext({ saga: { context: { customerId: 'c-1' } } });
 * const charged = await payments.charge({ amount: 100 }, ctx);
 */
export function stepContext<C = unknown>(init: ContextInit<C> = {}): StepContext<C> & Listening {
  return contextOf('action', init, FIELDS, 'stepContext()');
}

/**
 * The second argument of a `@Compensate` method.
 *
 * @throws SagaTestError when a field is none
 * @example
 * await payments.refund(undefined, compensationContext({ outcome: 'unknown', actionIdempotencyKey: ctx.idempotencyKey }));
 */
export function compensationContext<I = unknown, C = unknown>(
  init: CompensationContextInit<I, C> = {},
): CompensationContext<I, C> & Listening {
  const context = contextOf('undo', init, [...FIELDS, 'outcome', 'input', 'actionIdempotencyKey', 'round'], 'compensationContext()');
  const { outcome = 'completed', input, actionIdempotencyKey = keyOf(context, 'action'), round = 1 } = init;
  return Object.assign(context, { outcome, input: input as I, actionIdempotencyKey, round });
}

/**
 * The second argument of a `@Verify` method.
 *
 * @throws SagaTestError when a field is none
 */
export function verifyContext<C = unknown>(init: VerifyContextInit<C> = {}): VerifyContext<C> & Listening {
  const context = contextOf('verify', init, [...FIELDS, 'actionIdempotencyKey'], 'verifyContext()');
  return Object.assign(context, { actionIdempotencyKey: init.actionIdempotencyKey ?? keyOf(context, 'action') });
}

/** What a handler has said by what it returned: `ctx.skip()`, `ctx.suspend()`, `ctx.finish()`; null when that is an output. */
export function wordIn(returned: unknown): SaidWord | null {
  const word = verbIn(returned);
  if (word === null) return null;
  switch (word.kind) {
    case 'skip':
      return { word: 'skip', reason: word.reason };
    case 'suspend':
      return { word: 'suspend', timeoutMs: word.timeoutMs };
    case 'finish':
      return { word: 'finish', output: word.output };
  }
}

export type SaidWord =
  | { readonly word: Extract<VerbOf['kind'], 'skip'>; readonly reason: string }
  | { readonly word: Extract<VerbOf['kind'], 'suspend'>; readonly timeoutMs: number | null }
  | { readonly word: Extract<VerbOf['kind'], 'finish'>; readonly output: unknown };

function contextOf<C>(
  kind: 'action' | 'undo' | 'verify',
  init: ContextInit<C>,
  fields: readonly string[],
  what: string,
): HandlerContext<C> & Listening {
  const given: unknown = init;
  const problems = isRecord(given) ? unknownFieldProblems(given, fields) : ['it takes an object'];
  if (problems.length > 0) throw new SagaTestError(`${what}: ${problems.join('; ')}`);
  const number = ++made;
  const saga = { id: `saga-${number}`, name: 'saga', context: {} as C, metadata: {}, createdAt: new Date(), ...init.saga };
  const step = { id: `step-${number}`, name: 'step', ...init.step };
  const notes: ContextNotes = { patch: null };
  const context: HandlerContext<C> = {
    saga,
    step,
    attempt: init.attempt ?? 1,
    idempotencyKey: init.idempotencyKey ?? keyOf({ saga, step }, kind),
    signal: init.signal ?? new AbortController().signal,
    ...(init.manager === undefined ? {} : { manager: init.manager }),
    callbackToken: init.callbackToken ?? `token-${number}`,
    outputs: async <O extends object>() => ({ ...init.outputs }) as O,
    ...contextVerbs(notes, LIMITS, undefined),
  };
  return Object.defineProperty(context as HandlerContext<C> & Listening, 'patch', { get: () => ({ ...notes.patch }), enumerable: false });
}

function keyOf({ saga, step }: { readonly saga: { readonly id: string }; readonly step: { readonly name: string } }, of: string): string {
  return `${saga.id}:${step.name}:${of}`;
}
