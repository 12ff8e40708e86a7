/**
 * Of those that want the same at once one goes first, and the others follow together when it is back: most likely it has done it for
 * all of them, and each finds that out for itself.
 */
export class Vanguard {
  private readonly first = new Map<string, Promise<void>>();

  async take<T>(what: string, work: () => Promise<T>): Promise<T> {
    const before = this.first.get(what);
    if (before !== undefined) {
      await before;
      return work();
    }
    const mine = work();
    const back = mine.then(ignore, ignore).then(() => {
      this.first.delete(what);
    });
    this.first.set(what, back);
    return mine;
  }
}

const ignore = (): void => undefined;
