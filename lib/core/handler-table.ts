/**
 * An action, its undo, the question whether an action of unknown outcome took effect, or the one whether a step is to run at all.
 */
export type HandlerKind = 'action' | 'undo' | 'verify' | 'condition';

/**
 * Something of each handler. Maps, so that a key called `constructor` is just a key; and one for each kind, for a text of kind and key would
 * be a new one at every look, and an attempt looks several times.
 */
export class HandlerTable<T> {
  private readonly kinds = new Map<HandlerKind, Map<string, T>>();

  constructor(entries: Iterable<readonly [HandlerKind, string, T]>) {
    for (const [kind, key, value] of entries) this.kinds.set(kind, (this.kinds.get(kind) ?? new Map<string, T>()).set(key, value));
  }

  of(kind: HandlerKind): ReadonlyMap<string, T> {
    return this.kinds.get(kind) ?? new Map<string, T>();
  }

  find(kind: HandlerKind, key: string): T | undefined {
    return this.kinds.get(kind)?.get(key);
  }
}
