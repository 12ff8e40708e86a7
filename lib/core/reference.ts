import { jsonPointer, toJson, type Json, type JsonLimits, type JsonObject } from './json';

/** What a step's input takes from somewhere else: an output of an earlier step, or the context given at start. */
export class Reference {
  constructor(
    readonly source: ReferenceSource,
    readonly path: readonly string[],
  ) {}

  /** Outside the input of a step nobody would resolve it. */
  toJSON(): never {
    throw new TypeError('a reference can only stand in plain data in the input of a step');
  }
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

/**
 * The input as it is stored, and the references that were in it; null stands in their places.
 *
 * @throws SagaInputError
 */
export function takeReferences(
  input: unknown,
  what: string,
  limits: JsonLimits,
): { readonly data: Json; readonly found: readonly FoundReference[] } {
  const found: FoundReference[] = [];
  const data = toJson(input, what, limits, (value, at) => {
    if (!(value instanceof Reference)) return undefined;
    found.push({ at, reference: value });
    return null;
  });
  return { data, found };
}

export interface Resolvable {
  readonly context: Json;
  /** Outputs by the step's place in the plan. */
  readonly outputs: ReadonlyMap<number, Json>;
}

export type Resolved = { readonly kind: 'resolved'; readonly input: Json } | Unresolved;

export interface Unresolved {
  readonly kind: 'unresolved';
  /** JSON pointer into the input. */
  readonly at: string;
  /** Place of the step whose output was meant; null means the context. */
  readonly step: number | null;
  /** JSON pointer into that. */
  readonly path: string;
}

/** The input with its references replaced by what they name. */
export function resolveReferences(input: Json, references: readonly StoredReference[], from: Resolvable): Resolved {
  let resolved = input;
  for (const reference of references) {
    const source = reference.step === null ? from.context : from.outputs.get(reference.step);
    const value = source === undefined ? undefined : follow(source, reference.path);
    if (value === undefined)
      return { kind: 'unresolved', at: jsonPointer(reference.at), step: reference.step, path: jsonPointer(reference.path) };
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
