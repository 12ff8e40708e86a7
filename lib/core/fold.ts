import type { Decision } from './decision';
import type { DispatchEffect, SagaEffect, WaitEffect } from './effect';
import type { SagaEvent } from './event';
import type { JsonObject } from './json';
import type { OperationRef } from './operation';
import type { Plan } from './plan';
import { operationOf, type SagaValue } from './saga-value';

type Moved = Extract<Decision, { readonly kind: 'moved' }>;

/** What several events have come to together, and each by itself. */
export interface Folded {
  /** After the last of them. */
  readonly saga: SagaValue;
  /** What is to be written: a row of history for each event, and of the rest what no later event has taken back. */
  readonly effects: readonly SagaEffect[];
  /** One decision for each event that is in it: those that come before the first that does not simply move the saga. */
  readonly decisions: readonly Moved[];
}

/** Decides events of one saga one after the other, each on what the one before has made of it. */
export function fold(
  plan: Plan,
  before: SagaValue,
  events: readonly SagaEvent[],
  decide: (plan: Plan, saga: SagaValue, event: SagaEvent) => Decision,
): Folded {
  const decisions: Moved[] = [];
  let saga = before;
  for (const event of events) {
    const decision = decide(plan, saga, event);
    if (decision.kind !== 'moved') break;
    decisions.push(decision);
    saga = decision.saga;
  }
  return { saga, effects: effectsOf(decisions, saga), decisions };
}

function effectsOf(decisions: readonly Moved[], after: SagaValue): readonly SagaEffect[] {
  const effects: SagaEffect[] = [];
  let patch: JsonObject = {};
  for (const { saga, effects: own } of decisions) {
    for (const effect of own) {
      if (effect.type === 'context') patch = { ...patch, ...effect.patch };
      else if (!isTimed(effect) || isAsItWas(effect.operation, saga, after)) effects.push(effect);
    }
  }
  return Object.keys(patch).length === 0 ? effects : [...effects, { type: 'context', patch }];
}

/** When an operation is due is written with the operation: of one that has moved on since, the later word counts. */
function isTimed(effect: SagaEffect): effect is DispatchEffect | WaitEffect {
  return effect.type === 'dispatch' || effect.type === 'wait';
}

function isAsItWas(operation: OperationRef, then: SagaValue, after: SagaValue): boolean {
  return operationOf(then, operation)?.state === operationOf(after, operation)?.state;
}
