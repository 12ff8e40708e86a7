import type { Turns } from './turns';

/** More would make the first of them wait too long for the last. */
const MOST_TOGETHER = 64;

/** Something that waits for its turn, and how to answer it. */
export interface Waiting<Member, Result> {
  readonly member: Member;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** What waits for its turn at the same saga has it together: branches of a wide saga share commits as many sagas do. */
export class SharedTurns<Member, Result> {
  private readonly next = new Map<string, Waiting<Member, Result>[]>();

  constructor(
    private readonly turns: Turns,
    /** Answers each of them, in whatever order; whoever has no answer when it fails is told of that. */
    private readonly work: (together: readonly Waiting<Member, Result>[]) => Promise<void>,
  ) {}

  take(sagaId: string, member: Member): Promise<Result> {
    return new Promise((resolve, reject) => {
      const mine = { member, resolve, reject };
      const next = this.next.get(sagaId);
      if (next !== undefined && next.length < MOST_TOGETHER) next.push(mine);
      else this.plan(sagaId, [mine]);
    });
  }

  private plan(sagaId: string, together: Waiting<Member, Result>[]): void {
    this.next.set(sagaId, together);
    const fail = (error: unknown): void => together.forEach(({ reject }) => reject(error));
    void this.turns.take(sagaId, () => {
      if (this.next.get(sagaId) === together) this.next.delete(sagaId);
      return this.work(together).catch(fail);
    });
  }
}
