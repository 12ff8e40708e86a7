import { handlerKindOf, type HandlerKind } from '../core/handler-declaration';
import type { Json, JsonLimits, JsonObject } from '../core/json';
import { attemptsOf } from '../core/operation';
import { resolveReferences, type Unresolved } from '../core/reference';
import type { CompensationContext, ContextVerbs, HandlerContext, VerifyContext } from '../ports/step-invoker';
import type { Claim } from '../ports/saga-store';
import type { CallbackTokens } from './callback-tokens';
import { contextVerbs, type ContextNotes } from './context-verbs';
import { earlierOutputs, type OutputReader } from './earlier-outputs';

/** What a handler is called with. */
export interface Call {
  /** What the handler has said of the context of later ones. */
  readonly notes: ContextNotes;
  readonly payload: Json | undefined;
  readonly context: HandlerContext;
}

/** The call of one attempt, or the reference that names nothing. */
export function callOf(
  claim: Claim,
  signal: AbortSignal,
  limits: JsonLimits,
  tokens: Pick<CallbackTokens, 'tokenFor'>,
  store: OutputReader,
  sets?: readonly string[],
): Call | Unresolved {
  const resolved = resolveReferences(claim.input, claim.references, claim);
  if (resolved.kind === 'unresolved') return resolved;
  const input = isShared(claim) ? structuredClone(resolved.input) : resolved.input;
  const notes: ContextNotes = { patch: null };
  const context = withToken(contextOf(claim, signal, contextVerbs(notes, limits, sets), store), () =>
    tokens.tokenFor(claim.sagaId, claim.operation),
  );
  if (claim.operation.verifying) {
    const question: VerifyContext = withMore(context, { actionIdempotencyKey: idempotencyKey(claim, 'action') });
    return { notes, payload: input, context: question };
  }
  if (claim.operation.direction === 'action') return { notes, payload: input, context };
  const undo: CompensationContext = withMore(context, {
    outcome: claim.operation.actionOutcome ?? 'unknown',
    input,
    actionIdempotencyKey: idempotencyKey(claim, 'action'),
    round: claim.operation.round,
  });
  return { notes, payload: isShared(claim) ? structuredClone(claim.actionOutput) : claim.actionOutput, context: undo };
}

/** Whether later claims of the chain may have the same input and outputs: a handler that changes them changes a copy. */
function isShared({ ahead, references }: Claim): boolean {
  return ahead !== undefined || references.length > 0;
}

/** A context and what only some handlers get. A spread would sign a token that nobody asked for. */
export function withMore<T extends object>(context: HandlerContext, more: T): HandlerContext & T {
  const both = { ...Object.getOwnPropertyDescriptors(context), ...Object.getOwnPropertyDescriptors(more) };
  return Object.defineProperties({}, both) as HandlerContext & T;
}

/** Not among what a logger would print of a context. */
function withToken(context: Omit<HandlerContext, 'callbackToken'>, token: () => string): HandlerContext {
  return Object.defineProperty(context, 'callbackToken', { get: token, enumerable: false, configurable: true }) as HandlerContext;
}

function contextOf(claim: Claim, signal: AbortSignal, verbs: ContextVerbs, store: OutputReader): Omit<HandlerContext, 'callbackToken'> {
  const { saga, plan } = claim.basis;
  const { operation } = claim;
  const metadata = (): HandlerContext['saga']['metadata'] => (claim.metadata ?? {}) as Readonly<Record<string, Json>>;
  const about = { id: claim.sagaId, name: saga.name, createdAt: claim.createdAt };
  return {
    saga: withOwn(
      withOwn(about, 'context', () => contextSeenBy(claim)),
      'metadata',
      metadata,
    ),
    step: { id: claim.stepId, name: plan.steps[operation.step]?.name ?? '' },
    attempt: attemptsOf(operation),
    idempotencyKey: idempotencyKey(claim, handlerKindOf(operation)),
    signal,
    outputs: async <O extends object>() => (await earlierOutputs(store, claim)) as O,
    ...verbs,
  };
}

/** A copy of something that all handlers of a saga see, made when it is looked at: it may be large, and most never look. */
function withOwn<T extends object, K extends string, V>(target: T, name: K, value: () => V): T & Readonly<Record<K, V>> {
  const get = (): V => {
    const own = structuredClone(value());
    Object.defineProperty(target, name, { value: own, enumerable: true, configurable: true });
    return own;
  };
  return Object.defineProperty(target, name, { get, enumerable: true, configurable: true }) as T & Readonly<Record<K, V>>;
}

/** What was given at start, and over it what earlier handlers have set. */
function contextSeenBy({ context, laidOver }: Claim): Json {
  return laidOver === null ? context : { ...(context as JsonObject | null), ...laidOver };
}

/** The same for every attempt, and for every round of an undo: that is what lets a participant do a thing once. */
function idempotencyKey(claim: Claim, of: HandlerKind): string {
  const step = claim.basis.plan.steps[claim.operation.step]?.name ?? String(claim.operation.step);
  // What a saga undoes that has been started for that, another has done.
  const sagaId = of === 'action' ? (claim.basis.saga.parent?.undoes ?? claim.sagaId) : claim.sagaId;
  return `${sagaId}:${step}:${of}`;
}
