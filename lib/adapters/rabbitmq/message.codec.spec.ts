import { describe, expect, it } from '@jest/globals';
import { MessageCodec } from './message.codec';

const codec = new MessageCodec();
const wakeUp = { sagaId: '01J00000000000000000000001', operation: { step: 3, direction: 'undo', round: 2 }, key: 'orders.delete' } as const;
const good = { v: 1, saga: wakeUp.sagaId, step: 3, direction: 'undo', round: 2, key: 'orders.delete' };
const properties = { contentType: 'application/json' };

const decode = (content: string | Buffer, given: { contentType?: unknown; contentEncoding?: unknown } = properties) =>
  codec.decode({ content: Buffer.from(content as string), properties: given });

describe('MessageCodec', () => {
  it('reads what it wrote', () => {
    const content = codec.encode(wakeUp);
    expect(JSON.parse(content.toString())).toEqual(good);
    expect(codec.decode({ content, properties })).toEqual({ wakeUp });
  });

  it.each<[string, object]>([
    ['a newer version', { ...good, v: 2 }],
    ['a version that is a text', { ...good, v: '1' }],
    ['no saga', { ...good, saga: undefined }],
    ['a saga id in lower case', { ...good, saga: good.saga.toLowerCase() }],
    ['a saga id beyond the range of ULIDs', { ...good, saga: `8${good.saga.slice(1)}` }],
    ['an object for an id', { ...good, saga: { $ne: null } }],
    ['a negative step', { ...good, step: -1 }],
    ['a fraction', { ...good, step: 0.5 }],
    ['a step that is too large', { ...good, step: 2 ** 31 }],
    ['a round that is a text', { ...good, round: '0' }],
    ['another direction', { ...good, direction: 'forward' }],
    ['a key with a wildcard', { ...good, key: 'orders.*' }],
    ['a key of 129 characters', { ...good, key: 'k'.repeat(129) }],
    ['a field too many', { ...good, input: {} }],
    ['a list', [good]],
  ])('refuses %s', (_, value) => {
    expect(decode(JSON.stringify(value))).toEqual({ unreadable: expect.any(String) });
  });

  it.each(['null', '1', '"x"', '', '{', '[]', `\u{feff}${JSON.stringify(good)}`])('refuses the body %j', (body) => {
    expect(decode(body)).toEqual({ unreadable: 'body is not a JSON object' });
  });

  it('refuses a field named __proto__', () => {
    expect(decode(JSON.stringify(good).replace('{', '{"__proto__":{"v":1},'))).toEqual({
      unreadable: expect.stringContaining('not known'),
    });
  });

  it('refuses bytes that are not UTF-8, a compressed body, another type and a large body before it reads them', () => {
    const body = JSON.stringify(good);
    expect(decode(Buffer.from([0x7b, 0xc3, 0x28]))).toEqual({ unreadable: 'body is not UTF-8' });
    expect(decode(body, { ...properties, contentEncoding: 'gzip' })).toEqual({ unreadable: expect.stringContaining('content-encoding') });
    expect(decode(body, { contentType: 'application/json; charset=utf-8' })).toEqual({
      unreadable: expect.stringContaining('content-type'),
    });
    expect(decode(body, {})).toEqual({ unreadable: expect.stringContaining('content-type') });
    expect(decode(body + ' '.repeat(4_096))).toEqual({ unreadable: 'body is larger than 4096 bytes' });
  });
});
