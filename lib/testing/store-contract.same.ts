import assert from 'node:assert/strict';
import { types } from 'node:util';

/**
 * Deep equality of data. Prototypes do not count: test runners give each file a realm of its own, and `structuredClone` makes
 * its copies in another one.
 */
export function same(actual: unknown, expected: unknown, message?: string): void {
  assert.deepEqual(local(actual), local(expected), message);
}

export function isDate(value: unknown): value is Date {
  return types.isDate(value);
}

function local(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (isDate(value)) return new Date(value.getTime());
  if (types.isMap(value)) return new Map([...value].map(([key, item]) => [key, local(item)]));
  if (types.isSet(value)) return new Set([...value].map(local));
  if (Array.isArray(value)) return Array.from(value, local);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, local(item)]));
}
