/** Makes what must be unique, and names content by itself. */
export interface Identity {
  /** A new ULID. Those of one process share a lane (`engine/end-notices.ts`), so that it hears of the ends of its own sagas by one binding. */
  newId(): string;
  /** A collision-resistant digest of a text, as printable characters. */
  digest(text: string): string;
  /** Which process this is, for people. */
  readonly worker: string;
}
