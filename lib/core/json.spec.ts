import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import * as fc from 'fast-check';
import { SagaInputError } from '../errors';
import { canonicalJson, cloneJson, toJson, utf8Length, type Json } from './json';
import { ref } from './reference';

const ROOMY = { maxBytes: 10_000_000 };

function kept(value: unknown): Json {
  return toJson(value, 'input', ROOMY);
}

function refused(value: unknown, limits = ROOMY): SagaInputError {
  try {
    toJson(value, 'input', limits);
  } catch (error) {
    if (error instanceof SagaInputError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

function nested(levels: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

describe('what is kept', () => {
  it('is a deep copy, so that nobody can change it later', () => {
    const given = { items: [{ id: 1 }] };
    const copy = kept(given);
    given.items[0]!.id = 2;
    expect(copy).toEqual({ items: [{ id: 1 }] });
  });

  it('has dates as ISO strings', () => {
    expect(kept({ at: new Date(0) })).toEqual({ at: '1970-01-01T00:00:00.000Z' });
  });

  it('has no properties that were undefined', () => {
    expect(Object.keys(kept({ a: undefined, b: null }) as object)).toEqual(['b']);
  });

  it('is null for undefined', () => {
    expect(kept(undefined)).toBeNull();
  });

  it('has 0 for -0', () => {
    expect(Object.is(kept(-0), 0)).toBe(true);
  });

  it('has what toJSON answers, called on its own object', () => {
    class Money {
      constructor(private readonly cents: number) {}
      toJSON(): unknown {
        return { cents: this.cents };
      }
    }
    expect(kept({ price: new Money(7), at: new URL('http://localhost/') })).toEqual({ price: { cents: 7 }, at: 'http://localhost/' });
  });

  it('is the data of an instance: what a validation pipe gives can be stored', () => {
    class OrderDto {
      id = 'o-1';
      lines = [1];
    }
    expect(kept(new OrderDto())).toEqual({ id: 'o-1', lines: [1] });
  });

  it('takes objects without a prototype and objects of another realm', () => {
    expect(kept(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 });
    expect(kept(runInNewContext('({ a: [1, new Date(0)] })'))).toEqual({ a: [1, '1970-01-01T00:00:00.000Z'] });
  });

  it('may hold the same object twice, as long as it does not hold itself', () => {
    const address = { city: 'Ulm' };
    expect(kept({ from: address, to: address })).toEqual({ from: { city: 'Ulm' }, to: { city: 'Ulm' } });
  });

  it('survives the way to PostgreSQL and back, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.anything({ withDate: true, withNullPrototype: true, withSparseArray: true, withBigInt: true, withMap: true }),
        (value) => {
          let copy: Json;
          try {
            copy = kept(value);
          } catch (error) {
            expect(error).toBeInstanceOf(SagaInputError);
            return;
          }
          expect(JSON.parse(JSON.stringify(copy))).toEqual(copy);
          expect(kept(copy)).toEqual(copy);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what is refused, with a pointer to its place', () => {
  it.each<[string, unknown, string]>([
    ['a NUL in a text', { a: ['x\u0000y'] }, '/a/0'],
    ['half of a surrogate pair', { a: { b: '\ud83d' } }, '/a/b'],
    ['half of a surrogate pair, the other one', ['ok', '\ude00'], '/1'],
    ['NaN', { a: Number.NaN }, '/a'],
    ['Infinity', [Number.POSITIVE_INFINITY], '/0'],
    ['-Infinity', Number.NEGATIVE_INFINITY, ''],
    ['a BigInt', { a: 1n }, '/a'],
    ['a symbol', { a: Symbol('s') }, '/a'],
    ['a function', { a: () => 1 }, '/a'],
    ['a Map', { a: new Map([[1, 2]]) }, '/a'],
    ['a Set', { a: new Set([1]) }, '/a'],
    ['a Buffer, although it has a toJSON', { a: Buffer.from('x') }, '/a'],
    ['a typed array', { a: new Float64Array(2) }, '/a'],
    ['an ArrayBuffer', { a: new ArrayBuffer(2) }, '/a'],
    ['a hole in an array', { a: [1, , 3] }, '/a/1'],
    ['undefined in an array', { a: [1, undefined] }, '/a/1'],
    ['an integer above 2^53-1', { a: 2 ** 53 }, '/a'],
    ['an integer below -(2^53-1)', { a: -(2 ** 53) }, '/a'],
    ['a date that is none', { a: new Date('never') }, '/a'],
    ['an own key __proto__', JSON.parse('{"a":{"__proto__":{"admin":true}}}'), '/a/__proto__'],
    ['a key constructor', { constructor: { prototype: {} } }, '/constructor'],
    ['a key prototype', { a: { prototype: 1 } }, '/a/prototype'],
    ['what toJSON answers, when that cannot be stored', { a: { b: Object.create({ toJSON: () => [1n] }) as object } }, '/a/b/0'],
  ])('%s', (_what, value, path) => {
    expect(refused(value).path).toBe(path);
  });

  it.each<[string, unknown]>([
    ['a promise that nobody awaited', { a: Promise.resolve(1) }],
    ['an error', { a: new Error('lost') }],
    ['a regular expression', { a: /x/ }],
    ['a WeakMap', { a: new WeakMap() }],
    ['a boxed number', { a: Object(1) as object }],
    ['a boxed BigInt', { a: Object(1n) as object }],
    ['a Map of another realm', { a: runInNewContext('new Map([[1, 2]])') as object }],
    ['a SharedArrayBuffer', { a: new SharedArrayBuffer(1) }],
  ])('%s, which would be stored as {}', (_what, value) => {
    expect(refused(value).path).toBe('/a');
  });

  it('a reference where nothing would resolve it, as in a context or an output', () => {
    expect(refused({ a: ref('create', 'id') }).path).toBe('/a');
  });

  it('a value that contains itself, where it does', () => {
    const value: Record<string, unknown> = { a: {} };
    value['a'] = { back: value };
    expect(refused(value).path).toBe('/a/back');
  });

  it('an object whose toJSON answers itself', () => {
    const value = Object.create({
      toJSON(): unknown {
        return this;
      },
    }) as object;
    expect(refused({ a: value }).path).toBe('/a');
  });

  it('a level too deep', () => {
    expect(kept(nested(64))).toEqual(nested(64));
    expect(refused(nested(65)).path).toBe('/0'.repeat(64));
  });

  it('a hundred thousand levels, without running out of stack', () => {
    expect(refused(nested(100_000)).reason).toContain('64');
  });

  it('more bytes than allowed, counted as UTF-8', () => {
    expect(toJson('ä😀', 'input', { maxBytes: 8 })).toBe('ä😀');
    expect(refused('ä😀', { maxBytes: 7 }).message).toContain('more than the 7');
  });

  it('more than allowed, before it has all been copied', () => {
    let looks = 0;
    let value: unknown = {
      get text(): string {
        looks++;
        return 'x'.repeat(100);
      },
    };
    for (let level = 0; level < 14; level++) value = [value, value];
    refused(value, { maxBytes: 1_000 });
    expect(looks).toBeLessThan(100);
  });

  it('with the pointer escaped as JSON pointers are', () => {
    expect(refused({ 'a/b': { '~': 1n } }).path).toBe('/a~1b/~0');
  });

  it('and says so without the value, and in words', () => {
    const error = refused({ password: 'secret\u0000' });
    expect(error.message).toBe('input at "/password": the text contains a NUL character, which PostgreSQL cannot store');
  });

  it('a NUL in a key, in a message that can itself be stored', () => {
    const { message } = refused({ 'a\u0000': 1 });
    expect(message).not.toContain('\u0000');
  });

  it('half of a surrogate pair in a key, in a message that can itself be stored', () => {
    expect(refused({ '\ud83d': 1 }).message.isWellFormed()).toBe(true);
  });

  it('whatever stands under an endless key, in a message that can be read', () => {
    expect(refused({ ['k'.repeat(1_000_000)]: 1n }).message.length).toBeLessThan(2_000);
  });
});

describe('canonical JSON', () => {
  it('is the same text for the same data, whatever the order of its keys', () => {
    expect(canonicalJson({ b: [1, { d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
    expect(canonicalJson({ a: null, b: [1, { c: 2, d: 1 }] })).toBe('{"a":null,"b":[1,{"c":2,"d":1}]}');
  });

  it('is JSON for the same data', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const parsed = JSON.parse(JSON.stringify(value)) as Json;
        expect(JSON.parse(canonicalJson(parsed))).toEqual(parsed);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the length in UTF-8', () => {
  it('is what an encoder makes of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Length(text)).toBe(Buffer.byteLength(text));
      }),
      { numRuns: 300 },
    );
  });
});

describe('a copy of JSON', () => {
  it('is equal, and nothing in it is in the original', () => {
    const original = { deep: { list: [{ name: 'a' }, null] } };
    const copy = cloneJson(original);
    expect(copy).toEqual(original);
    copy.deep.list.push({ name: 'b' });
    (copy.deep.list[0] as { name: string }).name = 'changed';
    expect(original).toEqual({ deep: { list: [{ name: 'a' }, null] } });
  });
});
