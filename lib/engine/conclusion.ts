import { SagaInputError } from '../errors';
import { keyOf } from '../core/draft';
import type { ConcludedEvent } from '../core/event';
import { toJson, type JsonLimits, type JsonObject } from '../core/json';
import type { Claim } from '../ports/claim';
import { reportOn } from './attempt-reporter';
import { verbIn, type VerbOf } from './handler-verb';

/**
 * What the value means that a handler has returned: an output, or one of the words that its context makes.
 *
 * @throws SagaInputError when it cannot be stored
 */
export function concludedBy(claim: Claim, value: unknown, patch: JsonObject | null, limits: JsonLimits): ConcludedEvent {
  const word = verbIn(value);
  const rest: Rest = patch === null ? reportOn(claim) : { contextPatch: patch, ...reportOn(claim) };
  const what = `output of "${keyOf(claim.basis.plan, claim.operation)}"`;
  if (word === null) return { type: 'completed', ...rest, output: toJson(value ?? null, what, limits) };
  return said(word, rest, what, limits);
}

type Rest = ReturnType<typeof reportOn> & { readonly contextPatch?: JsonObject };

function said(word: VerbOf, rest: Rest, what: string, limits: JsonLimits): ConcludedEvent {
  switch (word.kind) {
    case 'skip':
      return { type: 'skipped', ...rest, reason: word.reason };
    case 'suspend':
      return { type: 'suspended', ...rest, wait: word.wait, timeoutMs: word.timeoutMs };
    case 'finish':
      if (rest.operation.direction === 'undo') throw new SagaInputError(what, '', 'only a step can finish its saga, not a compensation');
      return { type: 'completed', ...rest, output: toJson(word.output ?? null, what, limits), finishes: true };
  }
}
