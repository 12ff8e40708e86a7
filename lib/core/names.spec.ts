import { describe, expect, it } from '@jest/globals';
import { isValidName, quoted } from './names';

describe('a name', () => {
  it.each(['a', 'orders.create', 'Order_1-b.c', 'constructor', 'a'.repeat(128)])('may be %j', (name) => {
    expect(isValidName(name)).toBe(true);
  });

  it.each(['', '1st', '.a', 'a b', 'a\n', 'a\u0000', 'a#', 'a*', 'ä', '__proto__', "a'; DROP TABLE sagas", 'a'.repeat(129)])(
    'may not be %j',
    (name) => {
      expect(isValidName(name)).toBe(false);
    },
  );

  it.each([undefined, null, 1, {}, ['a'], { toString: () => 'a' }])('is never anything but a text (%j)', (name) => {
    expect(isValidName(name)).toBe(false);
  });

  it('is judged in no time, however long it is', () => {
    expect(isValidName(`a${'.a'.repeat(5_000_000)}`)).toBe(false);
  });
});

describe('a text in an error message', () => {
  it('is quoted', () => {
    expect(quoted('orders.create')).toBe('"orders.create"');
  });

  it('brings no control characters, line breaks or colours into a log', () => {
    expect(quoted('a\n\u001b[31mb\u0000')).toBe('"a??[31mb?"');
  });

  it('is cut', () => {
    expect(quoted('a'.repeat(61))).toBe(`"${'a'.repeat(57)}..."`);
  });

  it.each([
    [null, 'a value of type null'],
    [undefined, 'a value of type undefined'],
    [7, 'a value of type number'],
    [{ password: 'x' }, 'a value of type object'],
  ])('of %j names only its type', (value, expected) => {
    expect(quoted(value)).toBe(expected);
  });
});
