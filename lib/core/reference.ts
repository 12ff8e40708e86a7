import type { Json, JsonObject } from './json';

/** What a step's input takes from somewhere else: an output of an earlier step, or the context given at start. */
export class Reference {
  constructor(
    readonly source: ReferenceSource,
    readonly path: readonly string[],
  ) {}
}

export type ReferenceSource = { readonly kind: 'output'; readonly step: string } | { readonly kind: 'context' };

/**
 * Refers to the output of an earlier step, whole or by the names that lead into it. Stored beside the input, so that user data
 * is never interpreted, and resolved to the same value at every attempt.
 *
 * @example
 * { name: 'charge', action: 'payment.charge', input: { orderId: ref('create_order', 'orderId') } }
 */
export function ref(step: string, ...path: readonly string[]): Reference {
  return new Reference({ kind: 'output', step }, path);
}

/** Refers to the context that was given to `start()`. */
export function contextRef(...path: readonly string[]): Reference {
  return new Reference({ kind: 'context' }, path);
}

/** A reference as it is stored: where its value goes, and where it comes from. */
export interface StoredReference {
  readonly at: readonly string[];
  /** Place of the step in the plan; null means the context. */
  readonly step: number | null;
  readonly path: readonly string[];
}

export interface FoundReference {
  readonly at: readonly string[];
  readonly reference: Reference;
}

/** Takes the references out of an input; null stands in their places. Anything that is not plain data is left for `toJson` to judge. */
export function takeReferences(input: unknown): { readonly data: unknown; readonly found: readonly FoundReference[] } {
  const found: FoundReference[] = [];
  const data = walk(input, [], found, new Set());
  return { data, found };
}

function walk(value: unknown, at: readonly string[], found: FoundReference[], parents: Set<object>): unknown {
  if (value instanceof Reference) {
    found.push({ at, reference: value });
    return null;
  }
  if (typeof value !== 'object' || value === null || parents.has(value)) return value;
  const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;
  if (!plain) return value;
  parents.add(value);
  const copy = Array.isArray(value)
    ? value.map((item: unknown, place) => walk(item, [...at, String(place)], found, parents))
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, [...at, key], found, parents)]));
  parents.delete(value);
  return copy;
}

export interface Resolvable {
  readonly context: Json;
  /** Outputs by the step's place in the plan. */
  readonly outputs: ReadonlyMap<number, Json>;
}

export type Resolved =
  { readonly kind: 'resolved'; readonly input: Json } | { readonly kind: 'unresolved'; readonly at: string; readonly from: string };

/** The input with its references replaced by what they name. */
export function resolveReferences(input: Json, references: readonly StoredReference[], from: Resolvable): Resolved {
  let resolved = input;
  for (const reference of references) {
    const source = reference.step === null ? from.context : from.outputs.get(reference.step);
    const value = source === undefined ? undefined : follow(source, reference.path);
    if (value === undefined) {
      const origin = reference.step === null ? 'context' : `output of step ${reference.step}`;
      return { kind: 'unresolved', at: pointer(reference.at), from: `${origin} ${pointer(reference.path)}`.trim() };
    }
    resolved = replaceAt(resolved, reference.at, value);
  }
  return { kind: 'resolved', input: resolved };
}

function follow(value: Json, path: readonly string[]): Json | undefined {
  let current: Json = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, key)) return undefined;
    current = (current as JsonObject)[key] as Json;
  }
  return current;
}

function replaceAt(target: Json, at: readonly string[], value: Json): Json {
  const [key, ...rest] = at;
  if (key === undefined) return value;
  if (Array.isArray(target)) return target.map((item: Json, place) => (String(place) === key ? replaceAt(item, rest, value) : item));
  const record = target as JsonObject;
  return { ...record, [key]: replaceAt(record[key] ?? null, rest, value) };
}

function pointer(path: readonly string[]): string {
  return path.map((key) => `/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`).join('');
}
