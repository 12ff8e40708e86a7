import type { Identity } from '../ports/identity';

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** Ids that are the same at every run, so that they may stand in a snapshot. */
export class KitIdentity implements Identity {
  private made = 0;

  constructor(
    private readonly inner: Pick<Identity, 'digest'>,
    /** Kits with other seeds make other ids. */
    private readonly seed: number,
    readonly worker: string,
  ) {}

  newId(): string {
    return `${base32(this.seed, 10)}${base32(++this.made, 16)}`;
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
