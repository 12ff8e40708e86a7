/** Makes what must be unique, names content by itself, and seals it. */
export interface Identity {
  /** A new ULID. Those of one process share a lane (`engine/end-notices.ts`), so that it hears of the ends of its own sagas by one binding. */
  newId(): string;
  /** A collision-resistant digest of a text, as printable characters. */
  digest(text: string): string;
  /** A digest of a text that only whoever has the key can make, as printable characters. */
  seal(text: string, key: Uint8Array): string;
  /** Whether two texts are equal, in a time that says nothing about where they differ. */
  isSame(one: string, other: string): boolean;
  /** Which process this is, for people. */
  readonly worker: string;
}
