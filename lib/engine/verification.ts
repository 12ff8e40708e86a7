import { SagaInputError } from '../errors';
import type { VerifiedEvent } from '../core/event';
import { toJson, type JsonLimits } from '../core/json';
import { isRecord } from '../core/known-fields';
import { quoted } from '../core/names';
import type { StepFailure } from '../core/operation';

/** What a `@Verify` handler found, or what is wrong with its answer. */
export type Found = VerifiedEvent['found'] | { readonly kind: 'unreadable'; readonly error: StepFailure };

/** Reads the answer of a `@Verify` handler. Whatever is not exactly an answer is none: a guess here loses or doubles an effect. */
export function foundIn(answer: unknown, key: string, limits: JsonLimits): Found {
  if (!isRecord(answer)) return unreadable(key, `it returned ${kindOf(answer)}`);
  const { outcome, output, ...others } = answer as { readonly outcome?: unknown; readonly output?: unknown };
  const [other] = Object.keys(others);
  if (other !== undefined) return unreadable(key, `its answer has an unknown field ${quoted(other)}`);
  if (outcome === 'done') return done(output, key, limits);
  if (outcome !== 'not-done' && outcome !== 'unknown')
    return unreadable(key, `its outcome is ${typeof outcome === 'string' ? quoted(outcome) : kindOf(outcome)}`);
  return output === undefined ? { kind: outcome } : unreadable(key, `an answer '${outcome}' must not have an output`);
}

function done(output: unknown, key: string, limits: JsonLimits): Found {
  try {
    return { kind: 'done', output: toJson(output ?? null, `output that @Verify('${key}') found`, limits) };
  } catch (error) {
    return unreadable(key, error instanceof SagaInputError ? error.message : 'the output could not be read');
  }
}

function unreadable(key: string, why: string): Found {
  const expected = "answer { outcome: 'done', output }, { outcome: 'not-done' } or { outcome: 'unknown' }";
  return {
    kind: 'unreadable',
    error: { code: 'SAGA_VERIFY', message: `the answer of @Verify('${key}') means nothing: ${why}; ${expected}` },
  };
}

function kindOf(value: unknown): string {
  return value === null || value === undefined ? String(value) : Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
