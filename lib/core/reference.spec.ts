import { describe, expect, it } from '@jest/globals';
import { SagaInputError } from '../errors';
import { toJson, type Json } from './json';
import { contextRef, ref, Reference, resolveReferences, takeReferences, type Resolvable, type StoredReference } from './reference';

const take = (input: unknown) => takeReferences(input, 'input', { maxBytes: 1_000 });

describe('taking references out of an input', () => {
  it('leaves null in their places, and says where they were', () => {
    const { data, found } = take({ orderId: ref('create', 'id'), lines: [1, contextRef('customer')] });
    expect(data).toEqual({ orderId: null, lines: [1, null] });
    expect(found.map(({ at, reference }) => ({ at, source: reference.source, path: reference.path }))).toEqual([
      { at: ['orderId'], source: { kind: 'output', step: 'create' }, path: ['id'] },
      { at: ['lines', '1'], source: { kind: 'context' }, path: ['customer'] },
    ]);
  });

  it('takes an input that is nothing but a reference', () => {
    const { data, found } = take(ref('create'));
    expect(data).toBeNull();
    expect(found).toEqual([{ at: [], reference: new Reference({ kind: 'output', step: 'create' }, []) }]);
  });

  it('takes the default of a reference along, as the reference was', () => {
    const plain = ref('create', 'id');
    const { found } = take({ a: plain.or({ n: 1 }), b: plain });
    expect(found.map(({ reference }) => reference.otherwise)).toEqual([{ value: { n: 1 } }, undefined]);
  });

  it('never takes user data for a reference, however much it looks like one', () => {
    const lookalike = { source: { kind: 'output', step: 'create' }, path: ['id'], $ref: '#/create/id' };
    expect(take({ a: lookalike })).toEqual({ data: { a: lookalike }, found: [] });
  });

  it('leaves the input of the caller as it was', () => {
    const input = { a: { b: ref('create') } };
    take(input);
    expect(input.a.b).toBeInstanceOf(Reference);
  });

  it('takes references out of instances too, which are stored as plain data', () => {
    class OrderDto {
      orderId = ref('create', 'id');
      readonly day = new Date(0);
    }
    const { data, found } = take(new OrderDto());
    expect(data).toEqual({ orderId: null, day: '1970-01-01T00:00:00.000Z' });
    expect(found).toHaveLength(1);
  });

  it('refuses a key __proto__', () => {
    expect(() => take(JSON.parse('{"__proto__":{"admin":true}}'))).toThrow(SagaInputError);
  });
});

describe('a reference outside the input of a step', () => {
  it('is refused, since nobody would resolve it', () => {
    expect(() => toJson({ context: { id: ref('create') } }, 'context', { maxBytes: 1_000 })).toThrow(
      /at "\/context\/id": a reference can only stand/,
    );
  });
});

describe('resolving references', () => {
  const from: Resolvable = {
    context: { customer: { id: 'c-1' }, none: null },
    outputs: new Map<number, Json>([
      [0, { id: 'o-1', lines: [{ sku: 'x' }] }],
      [1, null],
    ]),
  };
  const resolved = (input: Json, ...references: readonly StoredReference[]): unknown => resolveReferences(input, references, from);

  it('puts outputs and context where they were asked for', () => {
    expect(
      resolved(
        { order: null, parts: [null, 2] },
        { at: ['order'], step: 0, path: ['id'] },
        { at: ['parts', '0'], step: null, path: ['customer', 'id'] },
      ),
    ).toEqual({ kind: 'resolved', input: { order: 'o-1', parts: ['c-1', 2] } });
  });

  it('leads into arrays by their places', () => {
    expect(resolved({ sku: null }, { at: ['sku'], step: 0, path: ['lines', '0', 'sku'] })).toEqual({
      kind: 'resolved',
      input: { sku: 'x' },
    });
  });

  it('replaces a whole input', () => {
    expect(resolved(null, { at: [], step: 0, path: [] })).toEqual({ kind: 'resolved', input: from.outputs.get(0) });
  });

  it('takes the default of what is missing, and only of that', () => {
    const or = (reference: StoredReference) => resolved({ a: 1 }, { ...reference, otherwise: 0 });
    expect(or({ at: ['a'], step: 9, path: [] })).toEqual({ kind: 'resolved', input: { a: 0 } });
    expect(or({ at: ['a'], step: 0, path: ['nowhere'] })).toEqual({ kind: 'resolved', input: { a: 0 } });
    expect(or({ at: ['a'], step: null, path: ['none'] })).toEqual({ kind: 'resolved', input: { a: null } });
    expect(resolved({ a: 1 }, { at: ['a'], step: 9, path: [], otherwise: null })).toEqual({ kind: 'resolved', input: { a: null } });
  });

  it('puts nothing into the input that only a condition looks at', () => {
    expect(resolved({ a: 1 }, { at: null, step: 9, path: [] })).toEqual({ kind: 'resolved', input: { a: 1 } });
  });

  it('takes null for a value, not for something missing', () => {
    expect(resolved({ a: 1 }, { at: ['a'], step: 1, path: [] })).toEqual({ kind: 'resolved', input: { a: null } });
    expect(resolved({ a: 1 }, { at: ['a'], step: null, path: ['none'] })).toEqual({ kind: 'resolved', input: { a: null } });
  });

  it('says where something is missing, and from where', () => {
    expect(resolved({ a: { b: null } }, { at: ['a', 'b'], step: 0, path: ['nowhere', 'x'] })).toEqual({
      kind: 'unresolved',
      at: '/a/b',
      step: 0,
      path: '/nowhere/x',
    });
    expect(resolved(null, { at: [], step: 9, path: [] })).toEqual({ kind: 'unresolved', at: '', step: 9, path: '' });
  });

  it.each(['constructor', 'toString', '__proto__', 'hasOwnProperty'])('finds nothing under %s that the data does not own', (key) => {
    expect(resolved(null, { at: [], step: 0, path: [key] })).toMatchObject({ kind: 'unresolved' });
  });

  it('does not lead into a text', () => {
    expect(resolved(null, { at: [], step: 0, path: ['id', '0'] })).toMatchObject({ kind: 'unresolved' });
  });

  it('changes neither the stored input nor what it takes from', () => {
    const input = { a: { b: null } };
    const before = structuredClone(from);
    resolved(input, { at: ['a', 'b'], step: 0, path: ['id'] });
    expect(input).toEqual({ a: { b: null } });
    expect(structuredClone(from)).toEqual(before);
  });
});
