import { handlerKindOf, type HandlerKind } from '../core/handler-declaration';
import { cloneJson, type Json, type JsonLimits, type JsonObject } from '../core/json';
import { attemptsOf } from '../core/operation';
import { resolveReferences, type Unresolved } from '../core/reference';
import type { CompensationContext, ContextVerbs, HandlerContext, VerifyContext } from '../ports/step-invoker';
import type { Claim } from '../ports/claim';
import type { AbortOnDemand } from './abort-on-demand';
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
  abort: Pick<AbortOnDemand, 'signal'>,
  limits: JsonLimits,
  tokens: Pick<CallbackTokens, 'tokenFor'>,
  store: OutputReader,
  sets?: readonly string[],
): Call | Unresolved {
  const resolved = resolveReferences(claim.input, claim.references, claim);
  if (resolved.kind === 'unresolved') return resolved;
  const input = isShared(claim) ? cloneJson(resolved.input) : resolved.input;
  const notes: ContextNotes = { patch: null };
  const context = contextOf({ claim, abort, tokens }, contextVerbs(notes, limits, sets), store);
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
  const { actionOutput } = claim;
  return { notes, payload: isShared(claim) && actionOutput !== undefined ? cloneJson(actionOutput) : actionOutput, context: undo };
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

function contextOf(source: Source, verbs: ContextVerbs, store: OutputReader): HandlerContext {
  const { claim } = source;
  const { saga, plan } = claim.basis;
  const { operation } = claim;
  const context = {
    saga: withGetters({ id: claim.sagaId, name: saga.name, createdAt: claim.createdAt }, source, OF_SAGA),
    step: { id: claim.stepId, name: plan.steps[operation.step]?.name ?? '' },
    attempt: attemptsOf(operation),
    idempotencyKey: idempotencyKey(claim, handlerKindOf(operation)),
    outputs: async <O extends object>() => (await earlierOutputs(store, claim)) as O,
    ...verbs,
  };
  return withGetters(context, source, OF_CONTEXT);
}

/** What the getters of a context look at. */
interface Source {
  readonly claim: Claim;
  readonly abort: Pick<AbortOnDemand, 'signal'>;
  readonly tokens: Pick<CallbackTokens, 'tokenFor'>;
}

const SOURCE = Symbol('source');

type Getters<T> = {
  readonly [K in keyof T]: { readonly get: () => T[K]; readonly enumerable: boolean; readonly configurable: true };
} & ThisType<{ readonly [SOURCE]: Source }>;

/** Most handlers never look at these. One getter for all contexts: an object whose getters are its own is a slow and a large one. */
const OF_CONTEXT: Getters<Pick<HandlerContext, 'signal' | 'callbackToken'>> = {
  signal: {
    get() {
      return this[SOURCE].abort.signal;
    },
    enumerable: true,
    configurable: true,
  },
  // Not among what a logger would print of a context.
  callbackToken: {
    get() {
      const { tokens, claim } = this[SOURCE];
      return tokens.tokenFor(claim.sagaId, claim.operation);
    },
    enumerable: false,
    configurable: true,
  },
};

const OF_SAGA: Getters<Pick<HandlerContext['saga'], 'context' | 'metadata'>> = {
  context: {
    get() {
      return ownCopy(this, 'context', contextSeenBy(this[SOURCE].claim));
    },
    enumerable: true,
    configurable: true,
  },
  metadata: {
    get() {
      return ownCopy(this, 'metadata', (this[SOURCE].claim.metadata ?? {}) as Readonly<Record<string, Json>>);
    },
    enumerable: true,
    configurable: true,
  },
};

function withGetters<T extends object, G>(target: T, source: Source, getters: Getters<G>): T & G {
  Object.defineProperty(target, SOURCE, { value: source });
  return Object.defineProperties(target, getters as PropertyDescriptorMap) as T & G;
}

/** All handlers of a saga see the same, and what one of them does to it must not reach another. */
function ownCopy<V extends Json>(target: object, name: string, value: V): V {
  const own = cloneJson(value);
  Object.defineProperty(target, name, { value: own, enumerable: true, configurable: true });
  return own;
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
