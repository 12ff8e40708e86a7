// A record for PostgreSQL is written as JSON field by field, each with its comma before it: a few times as quick as an object that is made
// only to be stringified. PostgreSQL reads each field that is there, so what is null is left out.

/** A number of which 0 says something else than nothing. */
export function numberField(name: string, value: number | null | undefined): string {
  return value === null || value === undefined ? '' : `,"${name}":${value}`;
}

/** A number that is 0 where it is left out. */
export function countField(name: string, value: number): string {
  return value === 0 ? '' : `,"${name}":${value}`;
}

/** False where it is left out. */
export function flagField(name: string, value: boolean): string {
  return value ? `,"${name}":true` : '';
}

/** A word of our own, in which nothing has to be escaped. */
export function wordField(name: string, value: string | null | undefined): string {
  return value === null || value === undefined ? '' : `,"${name}":"${value}"`;
}

/** Anything else. */
export function jsonField(name: string, value: unknown): string {
  return value === null || value === undefined ? '' : `,"${name}":${JSON.stringify(value)}`;
}
