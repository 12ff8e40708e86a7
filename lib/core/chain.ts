import type { Decision } from './decision';
import type { DispatchEffect, SagaEffect } from './effect';
import type { OperationRef } from './operation';
import type { Plan } from './plan';
import { operationOf, type SagaValue } from './saga-value';
import { transition } from './transition';

export interface ChainTerms {
  readonly claimId: string;
  /** Keys of the `@SagaCondition` methods that the worker's process has. */
  readonly conditions: readonly string[];
  /** Whether the worker goes on with this operation. Once it has said yes it is not asked again. */
  readonly accepts: (operation: OperationRef, key: string) => boolean;
}

/** A decision and the claim that follows it, as one: `rev` rises by two, and the history gets a row of each. */
export interface Chained {
  readonly saga: SagaValue;
  readonly effects: readonly SagaEffect[];
  readonly operation: OperationRef;
  /** The key of its handler. */
  readonly key: string;
}

const MOST_ASKED = 10;

/**
 * What a decision sets free may be claimed in the same breath by whoever made it, so that no message has to say so. Only what nobody has
 * tried before: whether a suspect may run is for its own claim to say.
 */
export function chain(
  plan: Plan,
  moved: Extract<Decision, { kind: 'moved' }>,
  { claimId, conditions, accepts }: ChainTerms,
): Chained | null {
  const isFree = (effect: SagaEffect): effect is DispatchEffect =>
    effect.type === 'dispatch' && effect.inMs === 0 && operationOf(moved.saga, effect.operation)?.claims === 0;
  // A saga may set a thousand free at once: where the first few are for others, most likely the rest is.
  let asked = 0;
  for (const free of moved.effects) {
    if (!isFree(free)) continue;
    if (++asked > MOST_ASKED) return null;
    const { operation, key } = free;
    const decision = transition(plan, moved.saga, { type: 'claim', operation, claimId, due: true, conditions });
    if (decision.kind !== 'moved' || !accepts(operation, key)) continue;
    const effects = [...moved.effects.filter((effect) => effect !== free), ...decision.effects];
    return { saga: decision.saga, effects, operation, key };
  }
  return null;
}
