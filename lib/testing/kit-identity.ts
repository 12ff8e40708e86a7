import type { Identity } from '../ports/identity';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Ids that are the same at every run, so that they may stand in a snapshot. All processes of a kit share one source. */
export class IdSource {
  private made = 0;

  /** @param seed sources with other seeds make other ids */
  constructor(private readonly seed: number) {}

  next(): string {
    return `${base32(this.seed, 10)}${base32(++this.made, 16)}`;
  }
}

/** What names things for one process of a kit. */
export class KitIdentity implements Identity {
  constructor(
    private readonly inner: Pick<Identity, 'digest' | 'seal' | 'isSame'>,
    private readonly ids: IdSource,
    readonly worker: string,
  ) {}

  newId(): string {
    return this.ids.next();
  }

  seal(text: string, key: Uint8Array): string {
    return this.inner.seal(text, key);
  }

  isSame(one: string, other: string): boolean {
    return this.inner.isSame(one, other);
  }

  digest(text: string): string {
    return this.inner.digest(text);
  }
}

function base32(value: number, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = `${DIGITS[rest % 32] ?? '0'}${text}`;
  return text;
}
