import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, SagaDefinition, type SagaModuleOptions, SagaStep, type StepContext, StepError, type StepList } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

const ONCE = { retry: { attempts: 1 } } as const;

@Injectable()
class Desk {
  readonly undone: string[] = [];
  isBroken = true;

  private onA: () => void = () => undefined;
  private readonly aRuns = new Promise<void>((resolve) => (this.onA = resolve));

  @SagaStep('do') act(_input: unknown, { step }: StepContext) {
    if (step.name === 'a') this.onA();
  }
  /** What follows starts after `a`, although it does not depend on it. */
  @SagaStep('gate') async gate() {
    await this.aRuns;
  }
  @SagaStep('fail') fail() {
    throw new StepError({ message: 'no' });
  }
  @Compensate('undo') undo(_output: unknown, { step }: { step: { name: string } }) {
    this.undone.push(step.name);
  }
  @Compensate('break', ONCE) break(_output: unknown, { step }: { step: { name: string } }) {
    if (this.isBroken) throw new StepError({ message: 'still broken' });
    this.undone.push(step.name);
  }
}

/** One after the other; the undo of the last one is broken. */
const STEPS: StepList = [
  { name: 'c', action: 'do', compensation: 'undo', dependsOn: [] },
  { name: 'b1', action: 'do', compensation: 'undo', dependsOn: ['c'] },
  { name: 'd', action: 'do', compensation: 'undo', dependsOn: ['b1'] },
  { name: 'b2', action: 'do', compensation: 'break', dependsOn: ['b1', 'd'] },
  { name: 'fail', action: 'fail', dependsOn: ['b2'] },
];
/** `b` starts last and depends on `gate` only; its undo is broken. */
const BESIDE: StepList = [
  { name: 'a', action: 'do', compensation: 'undo', dependsOn: [] },
  { name: 'gate', action: 'gate', compensation: null, dependsOn: [] },
  { name: 'b', action: 'do', compensation: 'break', dependsOn: ['gate'] },
  { name: 'fail', action: 'fail', compensation: null, dependsOn: ['a', 'b'] },
];

async function desk(options: Partial<SagaModuleOptions> = {}) {
  const app = await bootSagaApp({ providers: [Desk], options });
  return { ...app, desk: app.context.get(Desk) };
}

describe('onStuck', () => {
  it('halt: the other undos stay where they are, for order is the promise', async () => {
    const { sagas, desk: it } = await desk();
    const { id } = await sagas.start('s', STEPS);
    expect((await sagas.waitFor(id)).state).toBe('stuck');
    expect(it.undone).toEqual([]);
  });

  it('continue: what the stuck one was not built on is undone, then the saga is stuck, and a retry completes it', async () => {
    const { sagas, desk: it, signal } = await desk({ defaults: { onStuck: 'continue' } });
    const { id } = await sagas.start('s', BESIDE);
    expect((await sagas.waitFor(id)).state).toBe('stuck');
    expect(it.undone).toEqual(['a']);
    it.isBroken = false;
    await sagas.compensate(id);
    await signal('saga.ended', ({ state }) => state === 'compensated');
    expect((await sagas.get(id)).state).toBe('compensated');
    expect(it.undone).toEqual(['a', 'b']);
  });

  it('continue: what the stuck one was built on waits for it', async () => {
    const { sagas, desk: it, signal } = await desk();
    const { id } = await sagas.start('s', STEPS, {}, { onStuck: 'continue' });
    expect((await sagas.waitFor(id)).state).toBe('stuck');
    expect(it.undone).toEqual([]);
    it.isBroken = false;
    await sagas.compensate(id);
    await signal('saga.ended', ({ state }) => state === 'compensated');
    expect(it.undone).toEqual(['b2', 'd', 'b1', 'c']);
  });

  it('is said by a class that is the plan', async () => {
    const undone: string[] = [];
    let onA: () => void = () => undefined;
    const aRuns = new Promise<void>((resolve) => (onA = resolve));
    @SagaDefinition({ name: 'parallel', onStuck: 'continue' })
    @Injectable()
    class Parallel {
      @SagaStep('a', { after: [] }) a() {
        onA();
      }
      @Compensate('a') undoA() {
        undone.push('a');
      }
      @SagaStep('gate', { after: [] }) async gate() {
        await aRuns;
      }
      @SagaStep('b', { after: 'gate' }) b() {}
      @Compensate('b', ONCE) undoB() {
        throw new StepError({ message: 'broken' });
      }
      @SagaStep('fail', { after: ['a', 'b'] }) fail() {
        throw new StepError({ message: 'no' });
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Parallel] });
    const going = await sagas.start(Parallel, {});
    expect((await sagas.waitFor(going.id)).state).toBe('stuck');
    expect(undone).toEqual(['a']);
  });

  it('is refused when it is anything else', async () => {
    const { sagas } = await desk();
    await expect(sagas.start('s', STEPS, {}, { onStuck: 'wait' as never })).rejects.toThrow('/onStuck');
  });
});
