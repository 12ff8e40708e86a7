import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readBooks } from './order-sample/books';
import { inParallel } from './order-sample/in-parallel';
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

const outcome = async (sagaId: string): Promise<{ state: string; steps: readonly string[]; codes: readonly (string | undefined)[] }> => {
  const { state, steps } = await shop.http.ended(sagaId);
  return { state, steps: steps.map(({ status }) => status), codes: steps.map(({ error }) => error?.code) };
};
const handlersOf = (sagaId: string): readonly string[] =>
  shop.log.filter((line) => line.includes(`saga=${sagaId}`)).map((line) => line.split(':', 1)[0] ?? '');

test('a good order is created, reserved and charged, and the books say so', async () => {
  const before = await readBooks(shop.database);
  const sagaId = await shop.http.place(anOrder({ items: [{ productId: 'prod-456', quantity: 3 }], amount: 0.29 }));
  expect(await outcome(sagaId)).toEqual({
    state: 'completed',
    steps: ['completed', 'completed', 'completed'],
    codes: [undefined, undefined, undefined],
  });
  const after = await readBooks(shop.database);
  expect(after.stock['prod-456']).toBe((before.stock['prod-456'] ?? 0) - 3);
  expect(after.chargedCents).toBe(before.chargedCents + 29);
  expect((await shop.http.get(`/payments/${sagaId}`)).body).toMatchObject({
    sagaId,
    amount: 0.29,
    status: 'charged',
    paymentMethod: 'card-456',
  });
});

test('a declined card turns the order back: released, then deleted, and the books are as they were', async () => {
  const before = await readBooks(shop.database);
  const sagaId = await shop.http.place(anOrder({ paymentMethod: 'card-declined' }));
  expect(await outcome(sagaId)).toEqual({
    state: 'compensated',
    steps: ['compensated', 'compensated', 'failed'],
    codes: [undefined, undefined, 'CARD_DECLINED'],
  });
  expect(handlersOf(sagaId)).toEqual(['orders.create', 'inventory.reserve', 'payment.charge', 'inventory.release', 'orders.delete']);
  expect(await readBooks(shop.database)).toEqual(before);
});

test('more than the stock cannot be reserved, not even in part, and the order is deleted', async () => {
  const before = await readBooks(shop.database);
  const items = [
    { productId: 'prod-123', quantity: 1 },
    { productId: 'prod-789', quantity: 6 },
  ];
  const sagaId = await shop.http.place(anOrder({ items }));
  expect(await outcome(sagaId)).toEqual({
    state: 'compensated',
    steps: ['compensated', 'failed', 'skipped'],
    codes: [undefined, 'OUT_OF_STOCK', undefined],
  });
  expect(await readBooks(shop.database)).toEqual(before);
});

test('an order whose first step fails has failed: there is nothing to undo', async () => {
  const sagaId = await shop.http.place(anOrder({ customerId: 'cust-blocked' }));
  expect(await outcome(sagaId)).toMatchObject({ state: 'failed', codes: ['CUSTOMER_BLOCKED', undefined, undefined] });
  expect((await shop.http.ended(sagaId)).steps[0]?.status).toBe('failed');
});

test('X-Request-ID reaches every handler, the undos included', async () => {
  const { sagas, http, database, log } = shop;
  const requestId = 'req-of-a-customer';
  const declined = await http.place(anOrder({ paymentMethod: 'card-declined' }), { 'X-Request-ID': requestId });
  const undone = await http.place(anOrder(), { 'X-Request-ID': requestId });
  await Promise.all([sagas.waitFor(declined), sagas.waitFor(undone)]);
  const seen = log.filter((line) => line.endsWith(`request=${requestId}`)).map((line) => line.split(':', 1)[0]);
  expect(new Set(seen)).toEqual(new Set(['orders.create', 'inventory.reserve', 'payment.charge', 'inventory.release', 'orders.delete']));
  for (const table of ['orders', 'reservations', 'payments']) {
    const rows = await database.query<{ request_id: string }>(`SELECT request_id FROM shop.${table} WHERE saga_id = ANY($1)`, [
      [declined, undone],
    ]);
    expect(new Set(rows.map((row) => row.request_id))).toEqual(new Set([requestId]));
  }
});

test('an order that is asked to turn back while it is being reserved is undone whole', async () => {
  const { http, database } = shop;
  const before = await readBooks(database);
  let sagaId = '';
  await database.holding(`SELECT 1 FROM shop.stock WHERE product_id = 'prod-789' FOR UPDATE`, async () => {
    sagaId = await http.place(anOrder({ items: [{ productId: 'prod-789', quantity: 1 }] }));
    await until('the reservation to wait for the shelf', async () => ((await database.waitingForRows()) > 0 ? true : undefined));
    expect(await http.post(`/sagas/${sagaId}/compensate`)).toMatchObject({ status: 202, body: { sagaId, state: 'compensating' } });
  });
  expect((await http.ended(sagaId)).state).toBe('compensated');
  expect(await readBooks(database)).toEqual(before);
});

test('200 orders, 20 at once, a third declined: every one ends, and stock and money add up exactly', async () => {
  const { http, database, sagas } = shop;
  await database.query(`UPDATE shop.stock SET quantity = 1000 WHERE product_id IN ('prod-123', 'prod-456')`);
  const before = await readBooks(database);
  const orders = Array.from({ length: 200 }, (_, n) => {
    const items = [
      { productId: 'prod-123', quantity: 1 + (n % 3) },
      { productId: 'prod-456', quantity: 1 },
    ];
    return anOrder({
      // Half of them name the products the other way round, which invites deadlocks.
      items: n % 2 === 0 ? items : items.reverse(),
      amount: (1_000 + n) / 100,
      paymentMethod: n % 3 === 0 ? 'card-declined' : 'card-456',
    });
  });
  const started = await inParallel(20, orders, async (order) => ({ order, sagaId: await http.place(order) }));
  const ended = await inParallel(20, started, async ({ order, sagaId }) => ({
    order,
    saga: await sagas.waitFor(sagaId, { timeoutMs: 60_000 }),
  }));

  for (const { order, saga } of ended)
    expect([saga.id, saga.state]).toEqual([saga.id, order.paymentMethod === 'card-declined' ? 'compensated' : 'completed']);
  const completed = ended.filter(({ saga }) => saga.isCompleted);
  const units = (productId: string): number =>
    completed.flatMap(({ order }) => order.items).reduce((sum, item) => sum + (item.productId === productId ? item.quantity : 0), 0);
  const after = await readBooks(database);
  expect(after.stock).toEqual({
    ...before.stock,
    'prod-123': 1000 - units('prod-123'),
    'prod-456': 1000 - units('prod-456'),
  });
  expect(after.chargedCents - before.chargedCents).toBe(completed.reduce((sum, { order }) => sum + Math.round(order.amount * 100), 0));
  const ids = [...before.charged, ...completed.map(({ saga }) => saga.id)].sort();
  expect([after.ordered, after.reserving, after.charged]).toEqual([ids, ids, ids]);
}, 90_000);
