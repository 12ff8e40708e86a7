import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Slots } from './slots';

/** Lets everything that is already settled be heard. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

interface Hanging {
  readonly handler: Promise<void>;
  settle(): void;
  fail(): void;
}

function hanging(): Hanging {
  let settle!: () => void;
  let fail!: () => void;
  const handler = new Promise<void>((resolve, reject) => {
    settle = resolve;
    fail = () => reject(new Error('at last'));
  });
  return { handler, settle, fail };
}

describe('slots', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('are given out until they are all taken', async () => {
    const slots = new Slots(2);
    expect([await slots.take(0), await slots.take(0)]).toEqual([true, true]);
    const third = slots.take(100);
    await jest.advanceTimersByTimeAsync(100);
    expect(await third).toBe(false);
  });

  it('are not there at all when there are none', async () => {
    const slots = new Slots(0);
    const taken = slots.take(5);
    await jest.advanceTimersByTimeAsync(5);
    expect(await taken).toBe(false);
    expect(slots.exhausted).toBe(false);
  });

  it('go to who waited longest when one becomes free', async () => {
    const slots = new Slots(1);
    await slots.take(0);
    const order: string[] = [];
    void slots.take(1_000).then(() => order.push('first'));
    void slots.take(1_000).then(() => order.push('second'));
    slots.release();
    await settled();
    expect(order).toEqual(['first']);
    slots.release();
    await settled();
    expect(order).toEqual(['first', 'second']);
  });

  it('are not kept for one that gave up waiting', async () => {
    const slots = new Slots(1);
    await slots.take(0);
    const gaveUp = slots.take(10);
    await jest.advanceTimersByTimeAsync(10);
    expect(await gaveUp).toBe(false);
    slots.release();
    expect(slots.isQuiet).toBe(true);
    expect(await slots.take(0)).toBe(true);
  });

  it('leave no timer behind', async () => {
    const slots = new Slots(1);
    await slots.take(0);
    const waiting = slots.take(60_000);
    slots.release();
    expect(await waiting).toBe(true);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('are exhausted when as many handlers never settled as there are slots', async () => {
    const slots = new Slots(2);
    const left = [hanging(), hanging()] as const;
    for (const { handler } of left) {
      await slots.take(0);
      slots.leaveBehind(handler);
      slots.release();
    }
    expect(slots.exhausted).toBe(true);
    const taken = slots.take(10);
    await jest.advanceTimersByTimeAsync(10);
    expect(await taken).toBe(false);
  });

  it.each(['settle', 'fail'] as const)('are given out again when a handler that was left behind comes to its end (%s)', async (how) => {
    const slots = new Slots(1);
    const left = hanging();
    slots.leaveBehind(left.handler);
    const waiting = slots.take(1_000);
    left[how]();
    expect(await waiting).toBe(true);
    expect(slots.exhausted).toBe(false);
  });

  it('wake everybody for whom there is room, when a handler that was left behind comes to its end', async () => {
    const slots = new Slots(2);
    const left = [hanging(), hanging()] as const;
    for (const { handler } of left) slots.leaveBehind(handler);
    const taken: string[] = [];
    void slots.take(60_000).then((got) => got && taken.push('first'));
    void slots.take(60_000).then((got) => got && taken.push('second'));
    left[0].settle();
    await settled();
    expect(taken).toEqual(['first', 'second']);
  });

  it('say when no handler holds one', async () => {
    const slots = new Slots(2);
    await slots.whenIdle();
    await slots.take(0);
    await slots.take(0);
    let heard = 0;
    void slots.whenIdle().then(() => heard++);
    void slots.whenIdle().then(() => heard++);
    slots.release();
    await settled();
    expect(heard).toBe(0);
    slots.release();
    await settled();
    expect(heard).toBe(2);
  });

  it('are not idle while somebody waits for the one that was just given back', async () => {
    const slots = new Slots(1);
    await slots.take(0);
    let idle = false;
    void slots.whenIdle().then(() => (idle = true));
    const waiting = slots.take(1_000);
    slots.release();
    await waiting;
    await settled();
    expect(idle).toBe(false);
  });

  it('are not given out while they are held, and go to who waited as soon as they are not', async () => {
    const slots = new Slots(2);
    slots.hold();
    const gaveUp = slots.take(10);
    const waiting = slots.take(60_000);
    await jest.advanceTimersByTimeAsync(10);
    expect(await gaveUp).toBe(false);
    slots.resume();
    expect(await waiting).toBe(true);
  });

  it('are not given out while they are held when one of them is given back', async () => {
    const slots = new Slots(1);
    await slots.take(0);
    slots.hold();
    const waiting = slots.take(10);
    slots.release();
    await jest.advanceTimersByTimeAsync(10);
    expect(await waiting).toBe(false);
  });

  it.each(['settle', 'fail'] as const)('are quiet only when the last handler that was left behind has ended (%s)', async (how) => {
    let quiet = 0;
    const slots = new Slots(2, () => quiet++);
    const left = hanging();
    await slots.take(0);
    slots.leaveBehind(left.handler);
    slots.release();
    expect([slots.isQuiet, quiet]).toEqual([false, 0]);
    left[how]();
    await settled();
    expect([slots.isQuiet, quiet]).toEqual([true, 1]);
  });
});
