import { describe, expect, it, jest } from '@jest/globals';
import { PushStream } from './push-stream';

const streamOf = (capacity = 3, signal?: AbortSignal): PushStream<string> =>
  new PushStream({ capacity, signal, dropped: (count) => `${count} dropped` });

async function readAll(stream: PushStream<string>): Promise<readonly string[]> {
  const read: string[] = [];
  for await (const value of stream) read.push(value);
  return read;
}

describe('PushStream', () => {
  it('gives what was pushed, in order, to those who wait and to those who come later', async () => {
    const stream = streamOf();
    const [first, second] = [stream.next(), stream.next()];
    for (const value of ['a', 'b', 'c']) stream.push(value);
    expect([await first, await second, await stream.next()].map(({ value }) => value)).toEqual(['a', 'b', 'c']);
  });

  it('drops the oldest when nobody reads, and says how many before it goes on', async () => {
    const stream = streamOf(2);
    for (const value of ['a', 'b', 'c', 'd', 'e']) stream.push(value);
    stream.end();
    expect(await readAll(stream)).toEqual(['3 dropped', 'd', 'e']);
  });

  it('holds no more than its capacity, and stays quick, however much is pushed', async () => {
    const stream = streamOf(100_000);
    for (let i = 0; i < 1_000_000; i++) stream.push(String(i));
    stream.end();
    const read = await readAll(stream);
    expect([read.length, read[0], read[1], read.at(-1)]).toEqual([100_001, '900000 dropped', '900000', '999999']);
  });

  it('keeps only the newest when it is told nothing of what was dropped', async () => {
    const stream = new PushStream<string>({ capacity: 1 });
    for (const value of ['a', 'b', 'c']) stream.push(value);
    stream.end();
    expect(await readAll(stream)).toEqual(['c']);
  });

  it.each<[string, (stream: PushStream<string>, abort: AbortController) => unknown]>([
    ['the loop is left', (stream) => stream.return()],
    ['its signal says so', (_stream, abort) => abort.abort()],
    ['there is no more', (stream) => stream.end()],
  ])('is over once when %s: whoever reads comes back, whoever pushes does nothing', async (_when, finish) => {
    const abort = new AbortController();
    const stream = streamOf(3, abort.signal);
    const over = jest.fn();
    stream.whenOver(over);
    const reading = stream.next();
    await finish(stream, abort);
    await finish(stream, abort);
    stream.push('late');
    expect([await reading, await stream.next()]).toEqual(Array(2).fill({ done: true, value: undefined }));
    expect(over).toHaveBeenCalledTimes(1);
    expect(stream.isOver).toBe(true);
  });

  it('is over from the start when its signal has been aborted', async () => {
    const stream = streamOf(3, AbortSignal.abort());
    const over = jest.fn();
    stream.whenOver(over);
    expect(over).toHaveBeenCalled();
    expect(await readAll(stream)).toEqual([]);
  });

  it('forgets its signal when it is over', () => {
    const { signal } = new AbortController();
    const remove = jest.spyOn(signal, 'removeEventListener');
    streamOf(3, signal).end();
    expect(remove).toHaveBeenCalledTimes(1);
  });

  it('fails after what waits has been read, once', async () => {
    const stream = streamOf();
    stream.push('a');
    stream.fail(new Error('gone'));
    stream.fail(new Error('again'));
    expect(await stream.next()).toEqual({ done: false, value: 'a' });
    await expect(stream.next()).rejects.toThrow('gone');
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('fails whoever reads at that moment', async () => {
    const stream = streamOf();
    const reading = stream.next();
    stream.fail(new Error('gone'));
    await expect(reading).rejects.toThrow('gone');
  });
});
