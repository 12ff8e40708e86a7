/**
 * Something that waits for its batch: encoded when that is made, and forgotten when its statement is. Texts that wait in memory are copied by
 * one collection after the other.
 */
export class Parcel<Content extends { readonly bytes: number }> {
  private content: Content | null = null;

  constructor(
    readonly sagaId: string,
    private readonly encode: () => Content,
  ) {}

  get bytes(): number {
    return (this.content ??= this.encode()).bytes;
  }

  /** For a statement. Should another one need it, it is encoded anew. */
  open(): Content {
    const { content } = this;
    this.content = null;
    return content ?? this.encode();
  }
}
