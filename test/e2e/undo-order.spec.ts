import { Injectable, type Provider } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  defineSaga,
  SagaConfigurationError,
  SagaDefinition,
  type SagaModuleOptions,
  SagaStep,
  type StepContext,
  StepError,
  type StepList,
  type StepSpec,
} from 'nest-saga';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

const ONCE = { retry: { attempts: 1 } } as const;
/** No sweep comes within the test: an undo that is not woken when its turn has come is not done. */
const NO_SWEEPS = { sweepMs: 600_000, resendMs: 600_000 };

/** Opens when so many have come. */
class Barrier {
  private come = 0;
  private open: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  constructor(private readonly width: number) {}

  pass(): Promise<void> {
    if (++this.come >= this.width) this.open();
    return this.opened;
  }
}

@Injectable()
class Desk {
  /** `+name` when an undo begins, `-name` when it is done. */
  readonly log: string[] = [];
  /** Undos that wait for one another, or for something else, by step. */
  readonly waits = new Map<string, () => Promise<void>>();
  readonly broken = new Set<string>();
  private active = 0;
  most = 0;

  @SagaStep('do') act() {}

  @SagaStep('fail') fail() {
    throw new StepError({ message: 'no', retryable: false });
  }

  @Compensate('undo', { for: 'do', ...ONCE })
  async undo(_output: unknown, { step: { name } }: StepContext) {
    this.log.push(`+${name}`);
    this.most = Math.max(this.most, ++this.active);
    try {
      await this.waits.get(name)?.();
      if (this.broken.has(name)) throw new StepError({ message: 'still broken', retryable: false });
      this.log.push(`-${name}`);
    } finally {
      this.active--;
    }
  }

  get undone(): readonly string[] {
    return this.log.filter((entry) => entry.startsWith('-')).map((entry) => entry.slice(1));
  }

  /** `earlier` was undone before the undo of `later` began. */
  isBefore(earlier: string, later: string): boolean {
    const done = this.log.indexOf(`-${earlier}`);
    return done !== -1 && done < this.log.indexOf(`+${later}`);
  }
}

const step = (name: string, ...dependsOn: readonly string[]): StepSpec => ({ name, action: 'do', dependsOn });
const fails = (...dependsOn: readonly string[]): StepSpec => ({ name: 'fails', action: 'fail', compensation: null, dependsOn });

const DIAMOND: StepList = [step('a'), step('b', 'a'), step('c', 'a'), step('d', 'b', 'c'), fails('d')];
/** Each second step was built on the first of its branch. */
const BRANCHES: StepList = [
  ...['x', 'y', 'z'].flatMap((branch) => [step(`${branch}1`), step(`${branch}2`, `${branch}1`)]),
  fails('x2', 'y2', 'z2'),
];
const wide = (width: number): StepList => {
  const names = Array.from({ length: width }, (_, n) => `w${n}`);
  return [...names.map((name) => step(name)), fails(...names)];
};

@SagaDefinition({ name: 'narrow', undosAtOnce: 1 })
@Injectable()
class Narrow {
  @SagaStep('a', { after: [] }) a() {}
  @Compensate('a') undoA() {}
  @SagaStep('b', { after: [] }) b() {}
  @Compensate('b') undoB() {}
  @SagaStep('c', { after: [] }) c() {}
  @Compensate('c') undoC() {}
  @SagaStep('fails', { after: ['a', 'b', 'c'] }) fails() {
    throw new StepError({ message: 'no', retryable: false });
  }
}

async function desk(options: Partial<SagaModuleOptions> = NO_SWEEPS, more: readonly Provider[] = []) {
  const app = await bootSagaApp({ providers: [Desk, ...more], options });
  return { ...app, desk: app.context.get(Desk) };
}

describe('What is undone', () => {
  it('is undone only after everything that was built on it, and what was built beside it at the same time', async () => {
    const { sagas, desk: it } = await desk();
    const both = new Barrier(2);
    for (const name of ['b', 'c']) it.waits.set(name, () => both.pass());
    const { id } = await sagas.start('diamond', DIAMOND);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    const order = [it.isBefore('d', 'b'), it.isBefore('d', 'c'), it.isBefore('b', 'a'), it.isBefore('c', 'a')];
    expect([order, it.most]).toEqual([[true, true, true, true], 2]);
  });

  it('in three branches is undone in all three at once', async () => {
    const { sagas, desk: it } = await desk();
    for (const depth of [1, 2]) {
      const all = new Barrier(3);
      for (const branch of ['x', 'y', 'z']) it.waits.set(`${branch}${depth}`, () => all.pass());
    }
    const { id } = await sagas.start('branches', BRANCHES);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(['x', 'y', 'z'].every((branch) => it.isBefore(`${branch}2`, `${branch}1`))).toBe(true);
    expect(it.most).toBe(3);
  });

  it('in one branch slowly holds no other one back', async () => {
    const { sagas, desk: it, signal } = await desk();
    let go: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (go = resolve));
    it.waits.set('x2', () => slow);
    const { id } = await sagas.start('branches', BRANCHES);
    const undoneAt = (place: number) =>
      signal('operation.completed', ({ operation }) => operation.direction === 'undo' && operation.step === place);
    await Promise.all([undoneAt(2), undoneAt(4)]); // y1 and z1
    expect([...it.undone].sort()).toEqual(['y1', 'y2', 'z1', 'z2']);
    go();
    expect((await sagas.waitFor(id)).state).toBe('compensated');
  });

  it('runs in as many processes as there are', async () => {
    const namespace = freshName();
    const apps = [];
    for (let n = 0; n < 3; n++) apps.push(await bootSagaApp({ namespace, providers: [Desk], options: NO_SWEEPS }));
    const [first] = apps;
    const started = await first?.sagas.start('wide', wide(40));
    const saga = await first?.sagas.waitFor(started?.id ?? '', { timeoutMs: 25_000 });
    expect(saga?.state).toBe('compensated');
    expect(apps.flatMap((app) => app.context.get(Desk).undone).sort()).toEqual(
      wide(40)
        .flatMap((one) => ('name' in one && one.name !== 'fails' ? [one.name] : []))
        .sort(),
    );
  });
});

describe('undosAtOnce', () => {
  it.each([[2], [5]])('is the most undos of a saga that run beside each other: %i', async (undosAtOnce) => {
    const { sagas, desk: it } = await desk();
    const full = new Barrier(undosAtOnce);
    for (let n = 0; n < 20; n++) it.waits.set(`w${n}`, () => full.pass());
    const { id } = await sagas.start('wide', wide(20), {}, { undosAtOnce });
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect([it.most, it.undone.length]).toEqual([undosAtOnce, 20]);
  });

  it('1 is the strict reverse order of start', async () => {
    const { sagas, desk: it } = await desk({ ...NO_SWEEPS, defaults: { undosAtOnce: 1 }, workers: { steps: 1 } });
    const { id } = await sagas.start('branches', BRANCHES);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    const history = await sagas.history(id);
    const claimed = (direction: string) =>
      history.filter((entry) => entry.kind === 'claim' && entry.direction === direction).map((entry) => entry.step);
    const toUndo = claimed('action').filter((name) => name !== 'fails');
    expect(claimed('undo')).toEqual(toUndo.reverse());
    expect(it.most).toBe(1);
  });

  it('is said by a class that is the plan, and by a saga that was defined step by step', async () => {
    const { sagas, desk: it } = await desk(NO_SWEEPS, [Narrow]);
    const { id } = await sagas.start(Narrow, {});
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    const ofUndos = (await sagas.history(id)).filter(({ direction }) => direction === 'undo').map(({ kind }) => kind);
    expect(ofUndos).toEqual(['claim', 'completed', 'claim', 'completed', 'claim', 'completed']);
    const two = new Barrier(2);
    for (const name of ['a', 'b', 'c']) it.waits.set(name, () => two.pass());
    const of = { action: 'do' } as const;
    const defined = defineSaga('defined', { undosAtOnce: 2 })
      .parallel((p) => p.step('a', of).step('b', of).step('c', of))
      .step('fails', { action: 'fail', compensation: null });
    const other = await sagas.start(defined, {});
    expect((await sagas.waitFor(other.id)).state).toBe('compensated');
    expect(it.most).toBe(2);
  });

  it.each([[0], [1_001], [1.5], ['3'], [null]])('cannot be %j', async (undosAtOnce) => {
    const { sagas } = await desk();
    await expect(sagas.start('s', DIAMOND, {}, { undosAtOnce: undosAtOnce as number })).rejects.toThrow(
      /undosAtOnce.*a whole number from 1 to 1,000/,
    );
    const defaults = { undosAtOnce: undosAtOnce as number };
    const boot = bootSagaApp({ providers: [Desk], options: { defaults } });
    await expect(boot).rejects.toThrow(SagaConfigurationError);
    await expect(boot).rejects.toThrow(/"defaults.undosAtOnce" must be a whole number from 1 to 1,000/);
    @SagaDefinition({ name: 'wrong', undosAtOnce: undosAtOnce as number })
    @Injectable()
    class Wrong {
      @SagaStep('a') a() {}
    }
    await expect(bootSagaApp({ providers: [Wrong] })).rejects.toThrow(/Wrong: undosAtOnce must be a whole number from 1 to 1,000/);
  });
});

describe('An undo that is given up', () => {
  it('halts what has not begun; what was under way comes to its end, and only then the saga is stuck', async () => {
    const { sagas, desk: it, signal } = await desk();
    let go: () => void = () => undefined;
    const slow = new Promise<void>((resolve) => (go = resolve));
    it.broken.add('x2');
    it.waits.set('y2', () => slow);
    it.waits.set('z2', () => slow);
    const { id } = await sagas.start('branches', BRANCHES);
    await signal('operation.failed', ({ operation }) => operation.direction === 'undo');
    expect((await sagas.get(id)).state).toBe('compensating');
    go();
    const stuck = await sagas.waitFor(id);
    expect(stuck.state).toBe('stuck');
    expect([...it.undone].sort()).toEqual(['y2', 'z2']);
    it.broken.clear();
    const all = new Barrier(3); // the one that is tried again and the two that became ready meanwhile
    for (const name of ['x2', 'y1', 'z1']) it.waits.set(name, () => all.pass());
    await sagas.compensate(id, { reason: 'mended', actor: 'ann' });
    await signal('saga.ended', ({ state }) => state === 'compensated');
    expect(it.isBefore('x2', 'x1')).toBe(true);
  });

  it("holds back only what it was built on with onStuck: 'continue', and compensate() finishes the rest", async () => {
    const { sagas, desk: it, signal } = await desk();
    it.broken.add('x2');
    const { id } = await sagas.start('branches', BRANCHES, {}, { onStuck: 'continue' });
    expect((await sagas.waitFor(id)).state).toBe('stuck');
    expect([...it.undone].sort()).toEqual(['y1', 'y2', 'z1', 'z2']);
    it.broken.clear();
    await sagas.compensate(id, { reason: 'mended', actor: 'ann' });
    await signal('saga.ended', ({ state }) => state === 'compensated');
    expect(it.undone.slice(-2)).toEqual(['x2', 'x1']);
  });

  it('keeps to the limit, also when many are tried again at once', async () => {
    const { sagas, desk: it, signal } = await desk();
    for (let n = 0; n < 12; n++) it.broken.add(`w${n}`);
    const { id } = await sagas.start('wide', wide(12), {}, { onStuck: 'continue', undosAtOnce: 3 });
    expect((await sagas.waitFor(id)).state).toBe('stuck');
    expect((await sagas.get(id)).steps.filter(({ status }) => status === 'compensation_failed')).toHaveLength(12);
    it.broken.clear();
    const full = new Barrier(3);
    for (let n = 0; n < 12; n++) it.waits.set(`w${n}`, () => full.pass());
    await sagas.compensate(id, { reason: 'mended', actor: 'ann' });
    await signal('saga.ended', ({ state }) => state === 'compensated');
    expect([it.most, it.undone.length]).toEqual([3, 12]);
  });
});
