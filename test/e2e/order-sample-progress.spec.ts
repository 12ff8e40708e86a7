import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { anOrder } from './order-sample/shop-http';
import { openShop, type ShopUnderTest } from './order-sample/shop-under-test';
import { until } from './order-sample/until';

let shop: ShopUnderTest;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop.stop();
});

interface Progress {
  readonly state: string;
  readonly done: number;
  readonly of: number;
  readonly step?: string;
}

/** What a browser's EventSource would be told, until the server ends the stream. */
async function progressOf(sagaId: string): Promise<readonly Progress[]> {
  const response = await fetch(`${shop.http.url}/sagas/${sagaId}/progress`);
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '));
  return lines.map((line) => JSON.parse(line.slice('data: '.length)) as Progress);
}

test.each([
  ['an order that succeeds', {}, { state: 'completed', done: 3, of: 3 }],
  ['an order whose card is declined', { paymentMethod: 'card-declined' }, { state: 'compensated', done: 0, of: 3 }],
])('the progress of %s is streamed until it has ended', async (_what, but, end) => {
  const sagaId = await shop.http.place(anOrder(but));
  const told = await progressOf(sagaId);
  expect(told.length).toBeGreaterThan(0);
  expect(told.at(-1)).toMatchObject(end);
  expect(told.every(({ of }) => of === 3)).toBe(true);
});

test('the progress of an order that has ended is one event', async () => {
  const sagaId = await shop.http.place(anOrder());
  await shop.sagas.waitFor(sagaId);
  expect(await progressOf(sagaId)).toEqual([{ state: 'completed', done: 3, of: 3 }]);
});

test('nobody looks any longer when the client has gone', async () => {
  const watch = jest.spyOn(shop.sagas, 'watch');
  const { id } = await shop.sagas.start('nap', [{ name: 'nap', sleepMs: 3_600_000 }]);
  const leaving = new AbortController();
  const response = await fetch(`${shop.http.url}/sagas/${id}/progress`, { signal: leaving.signal });
  await response.body?.getReader().read(); // the first event has come
  const signal = watch.mock.calls.find(([sagaId]) => sagaId === id)?.[1]?.signal;
  expect(signal?.aborted).toBe(false);
  leaving.abort();
  await until('the watch has ended', async () => (signal?.aborted === true ? true : undefined));
});
