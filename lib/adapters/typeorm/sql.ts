import { SagaInvariantError } from '../../errors';

/** One statement with its bound values. Named ones are prepared once a connection. */
export interface Statement {
  readonly name?: string;
  /** It joins what it gets with tables: named only where its plan, kept from when these were small, still goes by keys. */
  readonly isJoined?: boolean;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Runs statements: each one committed by itself on the pool, or all of them inside one transaction. */
export interface Sql {
  query<Row>(statement: Statement): Promise<readonly Row[]>;
}

const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [16, (text) => text === 't'], // bool
  [20, Number], // int8: fences and revs stay far below 2^53
  [21, Number], // int2
  [23, Number], // int4
  [701, Number], // float8
  [114, JSON.parse], // json
  [3802, JSON.parse], // jsonb
]);

const AS_TEXT = (text: string): string => text;

/** Parsers of our own: an application may have changed those of `pg` for the whole process. */
export const OWN_TYPES = {
  getTypeParser: (oid: number): ((text: string) => unknown) => PARSERS.get(oid) ?? AS_TEXT,
};

/** A time as milliseconds since 1970, whatever the connection's DateStyle. */
export function epochMs(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`;
}

/** PostgreSQL's times end in the year 294276, and JSON has no Infinity: no delay is longer than a hundred years. */
const LONGEST_MS = 3_155_760_000_000;

export function delayMs(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), LONGEST_MS);
}

/** `now` plus a number of milliseconds; null when that is null. */
export function inMs(ms: string, now = 'clock_timestamp()'): string {
  return `${now} + ${ms} * interval '1 millisecond'`;
}

/** The condition that an id is one of those that come as a parameter. */
export function oneOf(parameter: string, members: readonly unknown[]): string {
  return members.length === 1 ? `= (${parameter}::text[])[1]` : `= ANY (${parameter}::text[])`;
}

/** Written into a text: a plan that is made without values must not guess how much is wanted. */
export function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value)) throw new SagaInvariantError(`${String(value)} is no whole number`);
  return String(value);
}

/** The name of a statement for one member, and of the one for many: what differs in their texts differs in their names. */
export function namedFor(name: string, members: readonly unknown[]): Required<Pick<Statement, 'name' | 'isJoined'>> {
  return members.length === 1 ? { name, isJoined: false } : { name: `${name}_set`, isJoined: true };
}

/** Those of a statement that joins its records with tables, however few they are. */
export function namedJoin(name: string, members: readonly unknown[]): Required<Pick<Statement, 'name' | 'isJoined'>> {
  return { ...namedFor(name, members), isJoined: true };
}
