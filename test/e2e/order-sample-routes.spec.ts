import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { SagaClosedError } from 'nest-saga';
import { anOrder, type SagaBody } from './order-sample/shop-http';
import { openShop, type ShopUnderTest } from './order-sample/shop-under-test';

let shop: ShopUnderTest;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop.stop();
});

const UNKNOWN_ID = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

describe('POST /orders', () => {
  test('answers 202 with the id of the saga before the order is done', async () => {
    expect(await shop.http.post('/orders', anOrder())).toEqual({
      status: 202,
      body: { sagaId: expect.stringMatching(/^[0-9A-Z]{26}$/), status: 'started', message: 'Order processing started' },
    });
  });

  test('names every field that is wrong, all at once', async () => {
    const items = [{ productId: '', quantity: 1.5 }, 'prod-123', { productId: 'prod-123', quantity: 2 }];
    const { status, body } = await shop.http.post<{ problems: readonly string[] }>('/orders', { items, amount: 1.005, paymentMethod: 7 });
    expect(status).toBe(400);
    expect(body.problems.map((problem) => problem.split(' ', 1)[0])).toEqual([
      'customerId',
      'items[0].productId',
      'items[0].quantity',
      'items[1]',
      'amount',
      'paymentMethod',
    ]);
  });

  test.each([
    ['customerId', { customerId: 'x'.repeat(101) }],
    ['customerId', { customerId: 'nul\u0000' }],
    ['customerId', { customerId: 'half of a surrogate pair \ud800' }],
    ['items', { items: [] }],
    ['items', { items: 'prod-123' }],
    ['items[0].quantity', { items: [{ productId: 'prod-123', quantity: 0 }] }],
    ['items[0].quantity', { items: [{ productId: 'prod-123', quantity: '2' }] }],
    ['items[0].quantity', { items: [{ productId: 'prod-123', quantity: 3e9 }] }],
    ['amount', { amount: 0 }],
    ['amount', { amount: -1 }],
    ['amount', { amount: 10.999 }],
    ['amount', { amount: 1e300 }],
    ['paymentMethod', { paymentMethod: '   ' }],
  ])('refuses an order for its %s: %j', async (field, but) => {
    const { status, body } = await shop.http.post<{ problems: readonly string[] }>('/orders', { ...anOrder(), ...but });
    expect([status, body.problems.length, body.problems[0]?.split(' ', 1)[0]]).toEqual([400, 1, field]);
  });

  test.each([
    ['no body', undefined],
    ['a list', []],
    ['null', 'null'],
    ['broken JSON', '{"customerId": '],
    ['a text', '"order"'],
  ])('refuses %s in place of an order', async (_what, body) => {
    expect((await shop.http.post('/orders', body)).status).toBe(400);
  });

  test('refuses an X-Request-ID that is too long', async () => {
    const { status, body } = await shop.http.post<{ message: string }>('/orders', anOrder(), { 'X-Request-ID': 'x'.repeat(101) });
    expect([status, body.message]).toEqual([400, 'X-Request-ID must have at most 100 characters']);
  });

  test.each([0.01, 0.1, 0.29, 1.1, 19.99, 4.35, 999_999.99, 1_000_000])('takes %d as an amount of money', async (amount) => {
    const sagaId = await shop.http.place(anOrder({ amount }));
    await shop.sagas.waitFor(sagaId);
    expect((await shop.http.get(`/payments/${sagaId}`)).body).toMatchObject({ amount });
  });
});

describe('GET /sagas', () => {
  test('shows a saga with its steps, and without what the customer sent', async () => {
    const sagaId = await shop.http.place(anOrder({ paymentMethod: 'card-of-somebody' }));
    const saga = await shop.http.ended(sagaId);
    const step = (name: string, action: string): object => ({
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      name,
      action,
      status: 'completed',
      executedAt: expect.stringMatching(/^\d{4}-.*Z$/),
      error: null,
    });
    expect(saga).toEqual({
      sagaId,
      name: 'order_processing',
      state: 'completed',
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
      completedAt: expect.any(String),
      steps: [
        step('create_order', 'orders.create'),
        step('reserve_inventory', 'inventory.reserve'),
        step('charge_payment', 'payment.charge'),
      ],
    });
    expect(JSON.stringify(saga)).not.toContain('card-of-somebody');
  });

  test('lists the sagas in one state', async () => {
    const declined = await shop.http.place(anOrder({ paymentMethod: 'card-declined' }));
    await shop.sagas.waitFor(declined);
    const { body } = await shop.http.get<readonly SagaBody[]>('/sagas?state=compensated');
    expect(body.map(({ sagaId }) => sagaId)).toContain(declined);
    expect(new Set(body.map(({ state }) => state))).toEqual(new Set(['compensated']));
    expect((await shop.http.get<readonly SagaBody[]>('/sagas')).body.length).toBeGreaterThan(body.length);
  });

  test.each(['sleeping', '', 'started&state=completed', 'constructor'])('answers 400 to the state "%s"', async (state) => {
    expect((await shop.http.get(`/sagas?state=${state}`)).status).toBe(400);
  });
});

test.each([
  ['GET', `/sagas/${UNKNOWN_ID}`],
  ['GET', '/sagas/not-an-id'],
  ['GET', '/sagas/%00'],
  ['GET', `/sagas/${UNKNOWN_ID}/progress`],
  ['GET', '/sagas/not-an-id/progress'],
  ['POST', `/sagas/${UNKNOWN_ID}/compensate`],
  ['GET', '/inventory/prod-000'],
  ['GET', '/inventory/%00'],
  ['GET', `/payments/${UNKNOWN_ID}`],
  ['GET', '/payments/%00'],
])('%s %s is answered with 404', async (method, path) => {
  expect((await (method === 'GET' ? shop.http.get(path) : shop.http.post(path))).status).toBe(404);
});

test('the stock of a product is shown', async () => {
  expect(await shop.http.get('/inventory/prod-789')).toEqual({ status: 200, body: { productId: 'prod-789', quantity: 5 } });
});

test('a declined order has no payment', async () => {
  const sagaId = await shop.http.place(anOrder({ paymentMethod: 'card-declined' }));
  await shop.sagas.waitFor(sagaId);
  expect((await shop.http.get(`/payments/${sagaId}`)).status).toBe(404);
});

test.each([
  ['completed', {}],
  ['compensated', { paymentMethod: 'card-declined' }],
  ['failed', { customerId: 'cust-blocked' }],
])('a saga that is %s cannot be turned back: 409', async (state, but) => {
  const sagaId = await shop.http.place(anOrder(but));
  await shop.sagas.waitFor(sagaId);
  expect((await shop.http.post(`/sagas/${sagaId}/compensate`)).status).toBe(409);
  expect((await shop.http.ended(sagaId)).state).toBe(state);
});

test('a request that comes when the engine is closed already is answered with 503', async () => {
  jest.spyOn(shop.sagas, 'get').mockRejectedValueOnce(new SagaClosedError('use the store'));
  expect((await shop.http.get(`/sagas/${UNKNOWN_ID}`)).status).toBe(503);
});
