import { describe, expect, it } from '@jest/globals';
import { bisecting, CommitBatcher, type Answer } from './commit.batcher';

/** Commits when it is told to. */
function slowly(): {
  readonly batches: string[][];
  readonly commit: (members: readonly string[]) => Promise<Answer<string>[]>;
  end(): void;
} {
  const batches: string[][] = [];
  const waiting: (() => void)[] = [];
  return {
    batches,
    commit: async (members) => {
      batches.push([...members]);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return members.map((member) => ({ result: `${member} done` }));
    },
    end: () => waiting.shift()?.(),
  };
}

/** Whatever was planned for the end of this turn has begun. */
async function turn(): Promise<void> {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve));
}

describe('a batch', () => {
  it('is committed when the turn ends, with all that came in it', async () => {
    const { batches, commit } = slowly();
    const batcher = new CommitBatcher(commit);
    for (const member of ['a', 'b']) void batcher.run(member);
    expect(batches).toEqual([]);
    await turn();
    expect(batches).toEqual([['a', 'b']]);
  });

  it('may be under way beside one other; what comes meanwhile shares the next one', async () => {
    const { batches, commit, end } = slowly();
    const batcher = new CommitBatcher(commit);
    const first = batcher.run('a');
    await turn();
    const second = batcher.run('b');
    await turn();
    const others = ['c', 'd', 'e'].map((member) => batcher.run(member));
    await turn();
    expect(batches).toEqual([['a'], ['b']]);
    end();
    expect(await first).toBe('a done');
    await turn();
    expect(batches).toEqual([['a'], ['b'], ['c', 'd', 'e']]);
    end();
    end();
    expect(await Promise.all([second, ...others])).toEqual(['b done', 'c done', 'd done', 'e done']);
  });

  it('is divided in two when many came, so that one is worked on while the other is under way', async () => {
    const { batches, commit } = slowly();
    const batcher = new CommitBatcher(commit);
    for (let n = 0; n < 100; n++) void batcher.run(`m${n}`);
    await turn();
    expect(batches.map(({ length }) => length)).toEqual([50, 50]);
  });

  it('of one member waits for no other', () => {
    const { batches, commit } = slowly();
    const batcher = new CommitBatcher(commit, 1);
    for (const member of ['a', 'b']) void batcher.run(member);
    expect(batches).toEqual([['a'], ['b']]);
  });

  it('has no more members, and no more bytes, than may be', async () => {
    const { batches, commit, end } = slowly();
    const batcher = new CommitBatcher<string, string>(commit, undefined, (member) => (member === 'large' ? 3 * 1024 * 1024 : 1));
    const all = [...Array.from({ length: 600 }, (_, n) => `m${n}`), 'large', 'large'].map((member) => batcher.run(member));
    await turn();
    while (batches.flat().length < all.length) {
      end();
      await turn();
    }
    for (let left = batches.length; left > 0; left--) end();
    await Promise.all(all);
    expect(Math.max(...batches.map(({ length }) => length))).toBe(256);
    expect(batches.filter((batch) => batch.includes('large'))).toHaveLength(2);
  });

  it('goes without a member that cannot be encoded, which fails alone', async () => {
    const { batches, commit, end } = slowly();
    const batcher = new CommitBatcher(commit, 10, (member: string) => {
      if (member === 'b') throw new Error('no text for b');
      return 1;
    });
    const [a, b, c] = ['a', 'b', 'c'].map((member) => batcher.run(member));
    await expect(b).rejects.toThrow('no text for b');
    await turn();
    end();
    expect(await Promise.all([a, c])).toEqual(['a done', 'c done']);
    const alone = batcher.run('b');
    await expect(alone).rejects.toThrow('no text for b');
    const next = batcher.run('d');
    await turn();
    end();
    expect(await next).toBe('d done');
    expect(batches).toEqual([['a', 'c'], ['d']]);
  });

  it('that fails tells each member of it', async () => {
    const batcher = new CommitBatcher<string, string>(async (members) => members.map(() => ({ error: new Error('no') })));
    await expect(batcher.run('a')).rejects.toThrow('no');
    await expect(batcher.run('b')).rejects.toThrow('no');
  });
});

describe('a batch that fails for good', () => {
  const run = async (members: readonly string[]): Promise<readonly string[]> => {
    if (members.includes('bad')) throw new Error(`bad among ${members.length}`);
    return members;
  };

  it('is halved until its culprit fails alone', async () => {
    const answers = await bisecting(['a', 'b', 'bad', 'c', 'd'], run, () => false);
    expect(answers.map((answer) => ('error' in answer ? String(answer.error) : answer.result))).toEqual([
      'a',
      'b',
      'Error: bad among 1',
      'c',
      'd',
    ]);
  });

  it('is not halved for a trouble that passes: each tries again by itself', async () => {
    const answers = await bisecting(['a', 'bad'], run, () => true);
    expect(answers.map((answer) => 'error' in answer)).toEqual([true, true]);
  });
});
