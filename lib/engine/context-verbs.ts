import { SagaInputError } from '../errors';
import { toJson, type JsonLimits, type JsonObject } from '../core/json';
import { didYouMean } from '../core/suggestion';
import { isRecord, knownFields } from '../core/known-fields';
import type { ContextVerbs } from '../ports/step-invoker';
import { verb } from './handler-verb';

const LONGEST_REASON = 2_048;

/** What one run of a handler has said about the context of later ones. */
export interface ContextNotes {
  patch: JsonObject | null;
}

/** The words that a handler can say through its context. */
export function contextVerbs(notes: ContextNotes, limits: JsonLimits, sets: readonly string[] | undefined): ContextVerbs {
  return {
    skip: (reason) => verb({ kind: 'skip', reason: reasonOf(reason) }),
    suspend: (options = {}) => verb({ kind: 'suspend', wait: { kind: 'callback' }, timeoutMs: timeoutOf(options) }),
    finish: (output) => verb({ kind: 'finish', output }),
    setContext: (patch) => {
      if (!isRecord(patch)) throw new SagaInputError('context patch', '', 'must be an object');
      for (const name of Object.keys(patch)) {
        if (sets?.includes(name) === false)
          throw new SagaInputError(
            'context patch',
            `/${name}`,
            `is none of the names that this step sets (${sets.join(', ')})${didYouMean(name, sets)}`,
          );
      }
      notes.patch = { ...notes.patch, ...(toJson(patch, 'context patch', limits) as JsonObject) };
    },
  };
}

function reasonOf(reason: unknown): string {
  if (typeof reason !== 'string' || reason === '') throw new SagaInputError('ctx.skip', '', 'needs a reason, as a text');
  toJson(reason, 'reason of ctx.skip', { maxBytes: Infinity }); // only what PostgreSQL can store
  return reason.slice(0, LONGEST_REASON);
}

function timeoutOf(options: unknown): number | null {
  const { timeoutMs } = knownFields(options, 'options of ctx.suspend', ['timeoutMs']);
  if (timeoutMs === undefined) return null;
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0) || !Number.isFinite(timeoutMs))
    throw new SagaInputError('options of ctx.suspend', '/timeoutMs', 'must be a number of milliseconds above 0');
  return timeoutMs;
}
