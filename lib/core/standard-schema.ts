import type { StandardSchemaV1 } from '@standard-schema/spec';
import { jsonPointer } from './json';
import { isRecord } from './known-fields';

export type { StandardSchemaV1 } from '@standard-schema/spec';

/** What a schema finds wrong with a value. */
export interface SchemaProblem {
  /** JSON pointer into the value. */
  readonly path: string;
  /** In the schema's own words. */
  readonly reason: string;
}

const MOST_PROBLEMS = 10;
const LONGEST_REASON = 200;

/** By its shape, which is all that the libraries have in common. ArkType's are functions. */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false;
  const standard: unknown = (value as Record<string, unknown>)['~standard'];
  return isRecord(standard) && typeof standard['validate'] === 'function';
}

export function schemaProblemsOf(issues: readonly StandardSchemaV1.Issue[]): readonly SchemaProblem[] {
  return issues.slice(0, MOST_PROBLEMS).map(({ path = [], message }) => ({
    path: jsonPointer(path.map((part) => String(typeof part === 'object' ? part.key : part))),
    reason: printable(message),
  }));
}

/** `at "/amount": expected number`, for a message. */
export function described(problems: readonly SchemaProblem[]): string {
  return problems.map(({ path, reason }) => (path === '' ? reason : `at "${printable(path)}": ${reason}`)).join('; ');
}

function printable(text: string): string {
  return text
    .slice(0, LONGEST_REASON)
    .replace(/\p{Cc}/gu, '?')
    .toWellFormed();
}
