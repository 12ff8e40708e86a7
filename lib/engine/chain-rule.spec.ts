import { expect, it } from '@jest/globals';
import { mayGoOn } from './chain-rule';
import { Slots } from './slots';

function slots(size: number): Slots {
  const made = new Slots(size);
  expect(made.tryTake()).toBe(true);
  return made;
}

it('a chain goes on while nobody waits for its slot, up to 32 operations', () => {
  expect(mayGoOn(31, 10_000, slots(2), false)).toBe(true);
  expect(mayGoOn(32, 0, slots(2), false)).toBe(false);
});

it('a chain that has had its slot for 50 ms hands it to whoever waits', async () => {
  const full = slots(1);
  const waiting = full.take(60_000);
  expect(mayGoOn(0, 49, full, false)).toBe(true);
  expect(mayGoOn(0, 50, full, false)).toBe(false);
  full.release();
  expect(await waiting).toBe(true);
});

it('what was turned away waits as well', () => {
  expect(mayGoOn(0, 50, slots(2), true)).toBe(false);
});

it('a chain ends where everything is held up for a suspect', () => {
  const held = slots(2);
  held.hold();
  expect(mayGoOn(0, 0, held, false)).toBe(false);
});

it('a chain ends where too many handlers never settled', () => {
  const hanging = slots(2);
  hanging.leaveBehind(new Promise(() => undefined));
  expect(mayGoOn(0, 0, hanging, false)).toBe(true);
  hanging.leaveBehind(new Promise(() => undefined));
  expect(mayGoOn(0, 0, hanging, false)).toBe(false);
});
