/** More members, or more bytes, do not make a commit cheaper, but each of them wait for all the others. */
export const MOST_MEMBERS = 256;
export const MOST_BYTES = 4 * 1024 * 1024;
/** While PostgreSQL works on one batch, this process can work on the answers of the other. */
const AT_ONCE = 2;
/** Fewer are not divided: what a batch costs by itself would be paid twice. */
const WORTH_DIVIDING = 32;

interface Waiting<Member, Result> {
  readonly member: Member;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

export type Answer<Result> = { readonly result: Result } | { readonly error: unknown };

/**
 * Group commit: while others are on their way, what comes in queues up, and the next batch takes it. Nobody waits for a timer: an idle
 * system commits at the end of the turn, a busy one batches by itself. With one member a batch nothing waits, and there is a commit for each.
 */
export class CommitBatcher<Member, Result> {
  private queue: Waiting<Member, Result>[] = [];
  private underWay = 0;
  private isPlanned = false;

  /** @param commit answers for each member in order, and never rejects */
  constructor(
    private readonly commit: (members: readonly Member[]) => Promise<readonly Answer<Result>[]>,
    private readonly mostMembers = MOST_MEMBERS,
    /** Asked when its batch is made. A member of which it throws fails with that, and alone. */
    private readonly bytesOf: (member: Member) => number = () => 0,
  ) {}

  run(member: Member): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.queue.push({ member, resolve, reject });
      if (this.mostMembers === 1) void this.commitNext(this.take(1));
      else this.plan();
    });
  }

  /**
   * At the end of the turn, before anything else is heard: the answers of one batch make many ask again, one after the other, and all of them
   * share the next.
   */
  private plan(): void {
    if (this.isPlanned || this.queue.length === 0 || this.underWay >= AT_ONCE) return;
    this.isPlanned = true;
    process.nextTick(() => {
      this.isPlanned = false;
      this.begin();
    });
  }

  private begin(): void {
    while (this.queue.length > 0 && this.underWay < AT_ONCE) {
      const share = Math.max(WORTH_DIVIDING, Math.ceil(this.queue.length / (AT_ONCE - this.underWay)));
      this.underWay++;
      void this.commitNext(this.take(Math.min(share, this.mostMembers))).finally(() => {
        this.underWay--;
        this.plan();
      });
    }
  }

  private async commitNext(batch: readonly Waiting<Member, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    const answers = await this.commit(batch.map(({ member }) => member));
    batch.forEach(({ resolve, reject }, place) => {
      const answer = answers[place] ?? { error: new Error('a batch forgot one of its members') };
      if ('error' in answer) reject(answer.error);
      else resolve(answer.result);
    });
  }

  private take(most: number): readonly Waiting<Member, Result>[] {
    const batch: Waiting<Member, Result>[] = [];
    let bytes = 0;
    let passed = 0;
    for (const waiting of this.queue) {
      if (batch.length >= most) break;
      const size = this.sizeOf(waiting);
      if (size !== null) {
        bytes += size;
        if (batch.length > 0 && bytes > MOST_BYTES) break;
        batch.push(waiting);
      }
      passed++;
    }
    this.queue.splice(0, passed);
    return batch;
  }

  private sizeOf({ member, reject }: Waiting<Member, Result>): number | null {
    try {
      return this.bytesOf(member);
    } catch (error) {
      reject(error);
      return null;
    }
  }
}

/** Runs a batch; one that fails for good is halved until the culprit fails alone. Whoever is told of a passing trouble tries again by itself. */
export async function bisecting<Member, Result>(
  members: readonly Member[],
  run: (members: readonly Member[]) => Promise<readonly Result[]>,
  isPassing: (error: unknown) => boolean,
): Promise<readonly Answer<Result>[]> {
  try {
    return (await run(members)).map((result) => ({ result }));
  } catch (error) {
    if (members.length === 1 || isPassing(error)) return members.map(() => ({ error }));
    const middle = Math.ceil(members.length / 2);
    const first = await bisecting(members.slice(0, middle), run, isPassing);
    return [...first, ...(await bisecting(members.slice(middle), run, isPassing))];
  }
}
