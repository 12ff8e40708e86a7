/** Makes what must be unique, and names content by itself. */
export interface Identity {
  /** A new ULID. */
  newId(): string;
  /** A collision-resistant digest of a text, as printable characters. */
  digest(text: string): string;
  /** Which process this is, for people. */
  readonly worker: string;
}
