/**
 * Statements of one saga take turns within this process. Two that meet at its row would cost each other a refusal and another try;
 * only those of other processes still can.
 */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  take<T>(sagaId: string, work: () => Promise<T>): Promise<T> {
    const before = this.last.get(sagaId);
    const mine = before === undefined ? work() : before.then(work);
    const leave = (): void => {
      if (this.last.get(sagaId) === done) this.last.delete(sagaId);
    };
    const done = mine.then(leave, leave);
    this.last.set(sagaId, done);
    return mine;
  }
}
