import { isRecord } from '../core/known-fields';
import { quoted } from '../core/names';
import type { StepFailure } from '../core/operation';
import { didYouMean } from '../core/suggestion';

/** What a `@SagaCondition` method answered, or what is wrong with its answer. */
export type Answer =
  | { readonly kind: 'yes' }
  | { readonly kind: 'no'; readonly reason: string }
  | { readonly kind: 'unreadable'; readonly error: StepFailure };

const LONGEST_REASON = 2_048;
const FIELDS = ['run', 'reason'];

/** Whatever is not exactly an answer is none: a promise that was not awaited must not run a step. */
export function answerIn(answer: unknown, key: string): Answer {
  if (typeof answer === 'boolean') return said(answer, undefined, key);
  if (!isRecord(answer)) return unreadable(key, `it returned ${answer === null ? 'null' : typeof answer}`);
  const other = Object.keys(answer).find((field) => !FIELDS.includes(field));
  if (other !== undefined) return unreadable(key, `its answer has an unknown field ${quoted(other)}${didYouMean(other, FIELDS)}`);
  const { run, reason } = answer;
  if (typeof run !== 'boolean') return unreadable(key, '"run" of its answer is not true or false');
  if (reason !== undefined && typeof reason !== 'string') return unreadable(key, '"reason" of its answer is no text');
  return said(run, reason, key);
}

function said(run: boolean, reason: string | undefined, key: string): Answer {
  if (run) return { kind: 'yes' };
  // As a text that PostgreSQL stores.
  const storable = reason
    ?.replace(/\u0000/g, '')
    .slice(0, LONGEST_REASON)
    .toWellFormed();
  return { kind: 'no', reason: storable === undefined || storable === '' ? `@SagaCondition('${key}') said no` : storable };
}

function unreadable(key: string, why: string): Answer {
  const message = `the answer of @SagaCondition('${key}') means nothing: ${why}; answer true, false or { run, reason }`;
  return { kind: 'unreadable', error: { code: 'SAGA_CONDITION', message } };
}
