import { contextRef, ref, type Reference } from '../core/reference';

/** Stands for a value that does not exist yet, and remembers which of its properties was asked for. */
export class Recorder {
  private readonly references = new WeakMap<object, Reference>();

  /** The output of a step. */
  output(step: string): unknown {
    return this.stand(ref(step));
  }

  /** The context given at start. */
  context(): unknown {
    return this.stand(contextRef());
  }

  /** The same value, and what is taken when there is none. */
  or(value: unknown, otherwise: unknown): unknown {
    const reference = typeof value === 'object' && value !== null ? this.references.get(value) : undefined;
    if (reference === undefined) throw new TypeError('or() takes an earlier output, or the context, and what is taken when there is none');
    return reference.or(otherwise);
  }

  /** What a function made of such values: plain data with references in their places. */
  recorded(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const reference = this.references.get(value);
    if (reference !== undefined) return reference;
    if (Array.isArray(value)) return value.map((item) => this.recorded(item));
    if (Object.getPrototypeOf(value) !== Object.prototype) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.recorded(item)]));
  }

  private stand(reference: Reference): object {
    const refuse = (what: string): never => {
      const source = reference.source.kind === 'output' ? `the output of "${reference.source.step}"` : 'the context';
      throw new TypeError(
        `${source} does not exist yet when the saga is defined, so it cannot be ${what}; take it whole or by its properties, and compute in the step`,
      );
    };
    const standIn = new Proxy(Object.create(null) as object, {
      get: (_, key) => (typeof key === 'symbol' ? refuse('computed with') : this.stand(step(reference, key))),
      ownKeys: () => refuse('copied or listed'),
      has: () => refuse('looked into with "in"'),
      set: () => refuse('changed'),
      deleteProperty: () => refuse('changed'),
      getPrototypeOf: () => null,
    });
    this.references.set(standIn, reference);
    return standIn;
  }
}

function step({ source, path }: Reference, key: string): Reference {
  return source.kind === 'output' ? ref(source.step, ...path, key) : contextRef(...path, key);
}
