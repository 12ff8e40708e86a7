import type { QuarantinedMessage } from '../../ports/saga-store';

const MOST = 1_000;

/** Messages that nobody could read; the newest of them. */
export class InMemoryQuarantine {
  private kept: readonly { readonly message: QuarantinedMessage; readonly at: number }[] = [];

  constructor(private readonly now: () => number) {}

  add(message: QuarantinedMessage): void {
    this.kept = [...this.kept, { message: structuredClone(message), at: this.now() }].slice(-MOST);
  }

  /** Forgets what is older, and answers how many that were. @param limit the most at once */
  purge(olderThanMs: number | null, limit: number): number {
    if (olderThanMs === null) return 0;
    const latest = this.now() - olderThanMs;
    const old = new Set(this.kept.filter(({ at }) => at <= latest).slice(0, limit));
    this.kept = this.kept.filter((one) => !old.has(one));
    return old.size;
  }
}
