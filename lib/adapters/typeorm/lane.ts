/**
 * The slow lane: one at a time. Whoever must wait for a lock waits here, so that at most one of the pool's few connections is
 * ever spent on waiting.
 */
export class Lane {
  private last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}
