import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import type { CompensationContext, StepContext } from 'nest-saga';
import { compensationContext, stepContext } from 'nest-saga/testing';
import { DataSource } from 'typeorm';
import { InventoryService } from '../../sample/01-order-processing/src/inventory/inventory.service';
import { OrdersService } from '../../sample/01-order-processing/src/orders/orders.service';
import type { OrderContext } from '../../sample/01-order-processing/src/orders/order';
import { PaymentsService } from '../../sample/01-order-processing/src/payments/payments.service';
import { ShopSchema } from '../../sample/01-order-processing/src/shop.schema';
import { readBooks, type Books } from './order-sample/books';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';

let database: OwnDatabase;
let db: DataSource;
let untouched: Books;
let sagas = 0;

beforeAll(async () => {
  Logger.overrideLogger(false);
  database = await createDatabase();
  db = await new DataSource({ type: 'postgres', url: database.url }).initialize();
  await new ShopSchema(db).onModuleInit();
});
beforeEach(async () => {
  await database.query('TRUNCATE shop.orders, shop.reservations, shop.payments');
  await database.query(`UPDATE shop.stock SET quantity = 100`);
  untouched = await readBooks(database);
});
afterAll(async () => {
  await db.destroy();
  await database.drop();
});

type Undo = CompensationContext<never, OrderContext>;

/** The three pairs of handlers, each called the way the engine calls it. */
const pairs = [
  {
    name: 'orders.create',
    row: { table: 'orders', done: 'created', undone: 'deleted' },
    prepare: () => {
      const orders = new OrdersService(db);
      const input = { items: [{ productId: 'prod-123', quantity: 2 }], amountCents: 500 };
      return {
        input,
        act: (ctx: StepContext<OrderContext>): Promise<object> => orders.create(input, ctx),
        undo: (ctx: Undo): Promise<void> => orders.delete(undefined, ctx),
      };
    },
  },
  {
    name: 'inventory.reserve',
    row: { table: 'reservations', done: 'reserved', undone: 'released' },
    prepare: () => {
      const inventory = new InventoryService(db);
      const input = { orderId: 'order-1', items: ['prod-456', 'prod-123', 'prod-456'].map((productId) => ({ productId, quantity: 2 })) };
      return {
        input,
        act: (ctx: StepContext<OrderContext>): Promise<object> => inventory.reserve(input, ctx),
        undo: (ctx: Undo): Promise<void> => inventory.release(undefined, ctx),
      };
    },
  },
  {
    name: 'payment.charge',
    row: { table: 'payments', done: 'charged', undone: 'refunded' },
    prepare: () => {
      const payments = new PaymentsService(db);
      const input = { orderId: 'order-1', amountCents: 500, paymentMethod: 'card-456' };
      return {
        input,
        act: (ctx: StepContext<OrderContext>): Promise<object> => payments.charge(input, ctx),
        undo: (ctx: Undo): Promise<void> => payments.refund(undefined, ctx),
      };
    },
  },
] as const;

function contexts(input: unknown): { readonly step: StepContext<OrderContext>; readonly undo: Undo } {
  const saga = { id: `saga-${++sagas}`, name: 'order_processing', context: { customerId: 'cust-1' } };
  const undo = compensationContext<never, OrderContext>({ saga, outcome: 'unknown', input: input as never });
  return { step: stepContext({ saga }), undo };
}

const statuses = async (table: string): Promise<readonly string[]> =>
  (await database.query<{ status: string }>(`SELECT status FROM shop.${table}`)).map(({ status }) => status);

const effect = async (): Promise<unknown> => {
  const { stock, reserved, chargedCents } = await readBooks(database);
  return { stock, reserved, chargedCents };
};

test.each(pairs)('$name has one effect and one answer, however often it is tried, also at the same time', async ({ row, prepare }) => {
  const { input, act } = prepare();
  const { step } = contexts(input);
  const [first, ...others] = await Promise.all([act(step), act(step), act(step)]);
  const once = await effect();
  expect([...others, await act(step)]).toEqual([first, first, first]);
  expect(await effect()).toEqual(once);
  expect(await statuses(row.table)).toEqual([row.done]);
});

test.each(pairs)('the undo of $name takes its effect back, once, without its output', async ({ row, prepare }) => {
  const { input, act, undo } = prepare();
  const { step, undo: undoing } = contexts(input);
  await act(step);
  await Promise.all([undo(undoing), undo(undoing)]);
  await undo({ ...undoing, round: 2 });
  expect(await statuses(row.table)).toEqual([row.undone]);
  expect(await readBooks(database)).toEqual(untouched);
});

test.each(pairs)('an undo of $name that comes first leaves a mark, and the late action does nothing', async ({ row, prepare }) => {
  const { input, act, undo } = prepare();
  const { step, undo: undoing } = contexts(input);
  await undo(undoing);
  await expect(act(step)).rejects.toMatchObject({ code: 'ALREADY_UNDONE', retryable: false });
  await undo(undoing);
  expect(await statuses(row.table)).toEqual(['cancelled']);
  expect(await readBooks(database)).toEqual(untouched);
});

test.each(pairs)('$name and its undo at the same moment end undone, in whichever order they come', async ({ row, prepare }) => {
  const { input, act, undo } = prepare();
  const all = Array.from({ length: 20 }, () => contexts(input));
  await Promise.all(all.flatMap(({ step, undo: undoing }) => [act(step).catch(() => undefined), undo(undoing)]));
  expect((await statuses(row.table)).filter((status) => status === row.done)).toEqual([]);
  expect(await readBooks(database)).toEqual(untouched);
});

test('a reservation that is short of one product takes nothing of the others and leaves no row', async () => {
  const inventory = new InventoryService(db);
  const input = {
    orderId: 'order-1',
    items: [
      { productId: 'prod-123', quantity: 1 },
      { productId: 'prod-789', quantity: 101 },
    ],
  };
  await expect(inventory.reserve(input, contexts(input).step)).rejects.toMatchObject({ code: 'OUT_OF_STOCK', retryable: false });
  expect(await statuses('reservations')).toEqual([]);
  expect(await readBooks(database)).toEqual(untouched);
});

test('a product that the shop does not have is out of stock', async () => {
  const inventory = new InventoryService(db);
  const input = { orderId: 'order-1', items: [{ productId: 'prod-000', quantity: 1 }] };
  await expect(inventory.reserve(input, contexts(input).step)).rejects.toMatchObject({ code: 'OUT_OF_STOCK' });
});

test('reservations that name the same products in different orders never deadlock', async () => {
  const inventory = new InventoryService(db);
  const items = ['prod-123', 'prod-456', 'prod-789'].map((productId) => ({ productId, quantity: 1 }));
  const all = Array.from({ length: 60 }, (_, n) => ({ orderId: `order-${n}`, items: n % 2 === 0 ? items : [...items].reverse() }));
  await Promise.all(all.map((input) => inventory.reserve(input, contexts(input).step)));
  expect((await readBooks(database)).stock).toEqual({ 'prod-123': 40, 'prod-456': 40, 'prod-789': 40 });
});
