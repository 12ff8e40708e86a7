const KEY = /^[A-Za-z][A-Za-z0-9_.-]{0,127}$/;

/** Names of sagas, steps, actions and compensations: short, printable, safe in a routing key and in a log line. */
export function isValidName(name: unknown): name is string {
  return typeof name === 'string' && KEY.test(name);
}

export const NAME_RULE = 'a valid name (a letter, then up to 127 letters, digits, "_", "." or "-")';

/** What is wrong with a name, or null. */
export function nameProblem(what: string, name: unknown): string | null {
  if (isValidName(name)) return null;
  return name === undefined || name === null || name === '' ? `${what} is missing` : `${what} ${quoted(name)} is not ${NAME_RULE}`;
}

const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** Anything else is the id of no saga, and never reaches the store. */
export function isSagaId(id: unknown): id is string {
  return typeof id === 'string' && ULID.test(id);
}

/** A text for an error message: quoted, without control characters, cut. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return `a value of type ${value === null ? 'null' : typeof value}`;
  const printable = value.replace(/[^\x20-\x7e]/g, '?');
  return printable.length > 60 ? `"${printable.slice(0, 57)}..."` : `"${printable}"`;
}

/** How many parts of a path, parted at its points, are the name of a step. A name may have points in it: the longest one that fits is meant. */
export function lengthOfName(path: readonly string[], names: readonly string[]): number {
  const lengths = path.map((_, index) => path.length - index);
  return lengths.find((length) => names.includes(path.slice(0, length).join('.'))) ?? 1;
}
