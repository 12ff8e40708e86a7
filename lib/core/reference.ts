import { jsonPointer, toJson, type Json, type JsonLimits, type JsonObject } from './json';

/** What a step's input takes from somewhere else: an output of an earlier step, or the context given at start. */
export class Reference {
  constructor(
    readonly source: ReferenceSource,
    readonly path: readonly string[],
    /** What is taken when there is nothing. */
    readonly otherwise?: { readonly value: unknown },
  ) {}

  /**
   * The same, with a value that is taken when there is none: the step was skipped, or what it returned has no such place. A null that is
   * there is taken as it is. Without this a step whose reference names nothing fails (`SAGA_REFERENCE`).
   *
   * @example
   * { name: 'charge', action: 'payment.charge', input: { discount: ref('discount', 'amount').or(0) } }
   */
  or(value: unknown): Reference {
    return new Reference(this.source, this.path, { value });
  }

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
  /** null: it goes nowhere, and only a condition looks at it. */
  readonly at: readonly string[] | null;
  /** Place of the step in the plan; null means the context. */
  readonly step: number | null;
  readonly path: readonly string[];
  /** What is taken when there is nothing. */
  readonly otherwise?: Json;
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
    found.push({ at: [...at], reference: value });
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
    const { at, step, path } = reference;
    if (at === null) continue;
    const value = valueOf(reference, from);
    if (value === undefined) return { kind: 'unresolved', at: jsonPointer(at), step, path: jsonPointer(path) };
    resolved = replaceAt(resolved, at, value);
  }
  return { kind: 'resolved', input: resolved };
}

/** What a reference names, or what it says is to be taken instead; undefined when there is neither. */
export function valueOf({ step, path, otherwise }: Omit<StoredReference, 'at'>, from: Resolvable): Json | undefined {
  const source = step === null ? from.context : from.outputs.get(step);
  const found = source === undefined ? undefined : follow(source, path);
  return found === undefined ? otherwise : found;
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
