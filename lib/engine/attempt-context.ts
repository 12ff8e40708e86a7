import { handlerKindOf, type HandlerKind } from '../core/handler-declaration';
import type { Json, JsonLimits, JsonObject } from '../core/json';
import { attemptsOf } from '../core/operation';
import { resolveReferences, type Unresolved } from '../core/reference';
import type { CompensationContext, ContextVerbs, HandlerContext, VerifyContext } from '../ports/step-invoker';
import type { Claim } from '../ports/saga-store';
import { contextVerbs, type ContextNotes } from './context-verbs';

/** What a handler is called with. */
export interface Call {
  /** What the handler has said of the context of later ones. */
  readonly notes: ContextNotes;
  readonly payload: Json | undefined;
  readonly context: HandlerContext;
}

/** The call of one attempt, or the reference that names nothing. */
export function callOf(claim: Claim, signal: AbortSignal, limits: JsonLimits): Call | Unresolved {
  const resolved = resolveReferences(claim.input, claim.references, claim);
  if (resolved.kind === 'unresolved') return resolved;
  const notes: ContextNotes = { patch: null };
  const context = contextOf(claim, signal, contextVerbs(notes, limits));
  if (claim.operation.verifying) {
    const question: VerifyContext = { ...context, actionIdempotencyKey: idempotencyKey(claim, 'action') };
    return { notes, payload: resolved.input, context: question };
  }
  if (claim.operation.direction === 'action') return { notes, payload: resolved.input, context };
  const undo: CompensationContext = {
    ...context,
    outcome: claim.operation.actionOutcome ?? 'unknown',
    input: resolved.input,
    actionIdempotencyKey: idempotencyKey(claim, 'action'),
    round: claim.operation.round,
  };
  return { notes, payload: claim.actionOutput, context: undo };
}

function contextOf(claim: Claim, signal: AbortSignal, verbs: ContextVerbs): HandlerContext {
  const { saga, plan } = claim.basis;
  const { operation } = claim;
  const metadata = claim.metadata as Readonly<Record<string, Json>> | null;
  return {
    saga: { id: claim.sagaId, name: saga.name, context: contextSeenBy(claim), metadata: metadata ?? {}, createdAt: claim.createdAt },
    step: { id: claim.stepId, name: plan.steps[operation.step]?.name ?? '' },
    attempt: attemptsOf(operation),
    idempotencyKey: idempotencyKey(claim, handlerKindOf(operation)),
    signal,
    ...verbs,
  };
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
