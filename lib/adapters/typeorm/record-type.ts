import { record } from './record-text';

/** A composite type of the schema: what a statement reads as one record. */
export interface RecordType {
  readonly name: string;
  /** Its fields and their types, in order. */
  readonly fields: string;
}

/**
 * The rows of records that come as one parameter. Of a list that it does not know PostgreSQL expects 10 rows, and may then plan to compare each
 * with each; the empty one beside it makes that 100.
 */
export function unnested(s: string, { name }: RecordType, parameter: string): string {
  return `ROWS FROM (unnest(${parameter}::${s}.${name}[]), jsonb_array_elements('[]'))`;
}

/**
 * Records, each with the row of the CTE `saga` that it belongs to; those without one are left out. A FULL JOIN is the only one that PostgreSQL
 * never runs as a loop over all of both.
 *
 * @param more columns of `saga` beside its state
 */
export function besideSaga(records: string, more = ''): string {
  return `(SELECT * FROM (SELECT r.*, saga.id AS moved, saga.state AS saga_state${more} FROM ${records} AS r FULL JOIN saga ON saga.id = r.saga_id OFFSET 0) r
            WHERE r.saga_id IS NOT NULL AND r.moved IS NOT NULL)`;
}

/** Records as one value. */
export function recordArray(records: readonly string[]): string {
  return `{${records.join()}}`;
}

/** A record whose last fields seldom say anything: where those of no member do, a statement reads a type without them. */
export interface Parted {
  readonly text: string;
  /** Null when there is nothing to say. */
  readonly rest: string | null;
}

export interface PartedType {
  readonly usual: RecordType;
  /** It has all fields of the usual one, and then some. */
  readonly whole: RecordType;
  /** These, left empty. */
  readonly nothing: string;
}

export function partedType(usual: RecordType, whole: RecordType): PartedType {
  const count = ({ fields }: RecordType): number => fields.split(',').length;
  return { usual, whole, nothing: ','.repeat(count(whole) - count(usual)) };
}

export function saysMore({ rest }: Parted): boolean {
  return rest !== null;
}

/** Like `unnested`. */
export function unnestedParts(s: string, { usual, whole }: PartedType, isWhole: boolean, parameter: string): string {
  return unnested(s, isWhole ? whole : usual, parameter);
}

/** Like `recordArray`. */
export function partedArray(records: readonly Parted[], { nothing }: PartedType, isWhole: boolean): string {
  return recordArray(records.map(({ text, rest }) => record(isWhole ? text + (rest ?? nothing) : text)));
}

/** In characters. */
export function lengthOf(records: readonly (Parted | string)[]): number {
  let length = 0;
  for (const one of records) length += typeof one === 'string' ? one.length : one.text.length + (one.rest?.length ?? 0);
  return length;
}

/** Columns of `row` that change where a `record` says so. @param values what each becomes */
export function whereSeldom(record: string, row: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([column, value]) => `${column} = CASE WHEN ${record}.seldom THEN ${value} ELSE ${row}.${column} END`)
    .join(', ');
}
