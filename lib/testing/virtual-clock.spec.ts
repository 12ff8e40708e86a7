import { afterEach, describe, expect, it } from '@jest/globals';
import type { StepContext } from '../index';
import { SagaTestKit, type SagaTestKitOptions } from './index';

const DAY = 24 * 3_600_000;

const kits: SagaTestKit[] = [];
afterEach(async () => {
  await Promise.all(kits.splice(0).map((kit) => kit.close()));
});

async function kitWith(actions: NonNullable<SagaTestKitOptions['handlers']>['actions'] = {}): Promise<SagaTestKit> {
  const kit = await SagaTestKit.create({ handlers: { actions: { ok: () => 'ok', ...actions } } });
  kits.push(kit);
  return kit;
}

/** What a test takes that waits for nothing: very much less than what it skips, on the slowest of machines. */
const MOMENTS_MS = 3_000;

async function inMoments<T>(work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work();
  expect(performance.now() - begun).toBeLessThan(MOMENTS_MS);
  return result;
}

describe('the clock of a test kit', () => {
  it('skips the quarter of an hour between two attempts', async () => {
    const kit = await kitWith();
    kit.step('call').fails(new Error('busy')).times(2);
    const steps = [{ name: 'call', action: 'ok', retry: { attempts: 3, backoff: 'fixed', baseMs: 900_000, maxMs: 900_000 } }] as const;
    const saga = await inMoments(() => kit.run('s', steps));
    expect(saga.completedAt!.getTime() - saga.createdAt.getTime()).toBe(1_800_000);
  });

  it('skips the three days until a deadline', async () => {
    const kit = await kitWith({ ask: (_input, ctx) => ctx.suspend() });
    const steps = [
      { name: 'first', action: 'ok', compensation: null },
      { name: 'ask', action: 'ask', compensation: null },
    ];
    const saga = await inMoments(() => kit.run('s', steps, {}, { deadlineMs: 3 * DAY }));
    expect(saga.cause).toEqual({ kind: 'deadline' });
    expect(saga.completedAt!.getTime() - saga.createdAt.getTime()).toBe(3 * DAY);
  });

  it('skips a pause of a month between two steps', async () => {
    const kit = await kitWith();
    const steps = [
      { name: 'before', action: 'ok' },
      { name: 'wait', sleepMs: 30 * DAY },
      { name: 'after', action: 'ok' },
    ];
    await inMoments(() => kit.run('s', steps));
    expect(kit.effects.map(({ step, atMs }) => [step, atMs])).toEqual([
      ['before', 0],
      ['after', 30 * DAY],
    ]);
  });

  it('stands still until it is moved, and then what is due has happened, and nothing else', async () => {
    const kit = await kitWith();
    kit.step('call').fails(new Error('busy'));
    const run = await kit.start('s', [{ name: 'call', action: 'ok', retry: { attempts: 4, backoff: 'fixed', baseMs: 60_000 } }]);
    const attempts = async (): Promise<number> => ((await run.timeline()).match(/call +failed/g) ?? []).length;
    await kit.clock.advance(0);
    expect(await attempts()).toBe(1);
    await kit.clock.advance(59_999);
    expect(await attempts()).toBe(1);
    await kit.clock.advance(1);
    expect(await attempts()).toBe(2);
    await kit.clock.advance(120_000);
    expect(await attempts()).toBe(4);
    expect((await run.saga()).state).toBe('failed');
    expect(kit.clock.now() - Date.UTC(2030, 0, 1)).toBe(180_000);
    expect(kit.clock.date()).toEqual(new Date('2030-01-01T00:03:00.000Z'));
  });

  it('lets a handler be slow: others go on beside it, and it keeps its lease', async () => {
    const order: string[] = [];
    const slow = (ms: number) => async (): Promise<void> => {
      await kit.clock.sleep(ms);
      order.push(`after ${ms}`);
    };
    const kit = await kitWith({ fifty: slow(50_000), twenty: slow(20_000) });
    const saga = await kit.run('s', [
      [
        { name: 'a', action: 'fifty' },
        { name: 'b', action: 'twenty' },
      ],
    ]);
    expect(saga.state).toBe('completed');
    expect(order).toEqual(['after 20000', 'after 50000']);
    expect(kit.effects).toHaveLength(2);
    expect(saga.completedAt!.getTime() - saga.createdAt.getTime()).toBe(50_000);
  });

  it('ends the sleep of a handler that is told to stop', async () => {
    const kit = await kitWith({ patient: async (_input: unknown, { signal }: StepContext) => kit.clock.sleep(10 * DAY, signal) });
    const saga = await kit.run('s', [{ name: 'patient', action: 'patient', compensation: null }]);
    expect(saga.state).toBe('failed');
    expect(saga.completedAt!.getTime() - saga.createdAt.getTime()).toBe(60_000); // the timeout, and no grace
  });

  it('is not moved from within, nor backwards', async () => {
    const kit = await kitWith({ mover: async () => kit.clock.advance(1) });
    const saga = await kit.run('s', [{ name: 'mover', action: 'mover' }]);
    expect(saga.steps[0]?.error?.message).toContain('a handler cannot move the clock that it runs under');
    await expect(kit.clock.advance(-1)).rejects.toThrow('clock.advance() takes milliseconds, 0 or more, not -1');
  });
});
