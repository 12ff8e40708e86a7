// A record for PostgreSQL is one element of an array of a composite type, written as text: `"(01J…,action,,2)"`. PostgreSQL reads that in a
// third of the time that JSON with the same fields takes it. What is null, 0 or false is left empty. Every function gives one field with the
// comma before it; the fields stand in the order of their type.

/** A type of the schema: what a statement reads as one record. */
export interface RecordType {
  readonly name: string;
  /** Its fields and their types, in order. */
  readonly fields: string;
}

/**
 * The rows of records that come as one parameter. A SELECT of its own keeps PostgreSQL from counting them: it would plan each short list anew,
 * since a plan for just that many looks cheaper than the kept one. Of a list that it cannot see it expects 10 rows, and plans to compare each with
 * each. The empty one beside it makes that 100, and a plan by keys.
 */
export function unnested(s: string, { name }: RecordType, parameter: string): string {
  return `ROWS FROM (unnest((SELECT ${parameter}::${s}.${name}[])), jsonb_array_elements('[]'))`;
}

/** A record, of fields that each bring their comma. */
export function record(fields: string): string {
  return `"(${fields.slice(1)})"`;
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

export function lengthOf(records: readonly Parted[]): number {
  let length = 0;
  for (const { text, rest } of records) length += text.length + (rest?.length ?? 0);
  return length;
}

/** Columns of `row` that change where a `record` says so. @param values what each becomes */
export function whereSeldom(record: string, row: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([column, value]) => `${column} = CASE WHEN ${record}.seldom THEN ${value} ELSE ${row}.${column} END`)
    .join(', ');
}

/** A number of which 0 says something else than nothing. */
export function numberField(value: number | null | undefined): string {
  return value === null || value === undefined ? ',' : `,${value}`;
}

/** A number that is 0 where it is left out. */
export function countField(value: number): string {
  return value === 0 ? ',' : `,${value}`;
}

/** False where it is left out. */
export function flagField(value: boolean): string {
  return value ? ',t' : ',';
}

/** A word of our own, in which nothing has to be escaped. */
export function wordField(value: string | null | undefined): string {
  return value === null || value === undefined ? ',' : `,${value}`;
}

/** Any text that PostgreSQL can store. */
export function textField(value: string | null | undefined): string {
  if (value === null || value === undefined) return ',';
  return PLAIN.test(value) ? `,${value}` : escaped(value);
}

export function numbersField(values: readonly number[] | null | undefined): string {
  return values === null || values === undefined ? ',' : `,\\"{${values.join()}}\\"`;
}

/** Anything else, as JSON. Null is left out. */
export function jsonField(value: unknown): string {
  return value === null || value === undefined ? ',' : valueField(value);
}

/** As JSON; null is a value as well. */
export function valueField(value: unknown): string {
  return jsonText(JSON.stringify(value));
}

/** What is JSON already. */
export function jsonText(json: string): string {
  return escaped(json);
}

const PLAIN = /^[\w.:-]+$/;

/** Quoted for the record, and what is quoted once more for the array. */
function escaped(text: string): string {
  return `,\\"${text.replace(/["\\]/g, String.raw`\\\$&`)}\\"`;
}
