import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Namespace } from '../contract/transport-broker';
import { readBooks } from './order-sample/books';
import { inParallel } from './order-sample/in-parallel';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';
import { buildSample, Program } from './order-sample/program';
import { anOrder, ShopHttp, type OrderBody } from './order-sample/shop-http';
import { until } from './order-sample/until';

const HANDLED = /\b(orders|inventory|payment)\.(\w+): .*saga=(\w{26})/;

let database: OwnDatabase;
let broker: Namespace;
let servers: readonly Program[] = [];
let shops: readonly ShopHttp[];

beforeAll(buildSample, 120_000);
beforeEach(async () => {
  [database, broker] = await Promise.all([createDatabase(), Namespace.open()]);
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.end('SIGKILL')));
  await Promise.all([database.drop(), broker.dispose()]);
});

/** Three servers that boot at the same moment, on one database and one broker. */
async function openThree(times: object = {}): Promise<void> {
  const { exchange, stepQueue, compensateQueue } = broker;
  servers = ['shop-1', 'shop-2', 'shop-3'].map((name) => {
    const settings = { name, queues: { exchange, stepQueue, compensateQueue }, times };
    return new Program('test/e2e/order-sample/shop-server.mjs', { DATABASE_URL: database.url, SHOP_SERVER: JSON.stringify(settings) });
  });
  shops = await Promise.all(servers.map(async (server) => new ShopHttp((await server.says(/open at (\S+)/))[1] ?? '')));
}

const shopOf = (place: number): ShopHttp => shops[place % shops.length] as ShopHttp;
const handledBy = (server: Program): readonly string[] =>
  server.lines.flatMap((line) => {
    const match = HANDLED.exec(line);
    return match === null ? [] : [`${match[3] ?? ''} ${match[1] ?? ''}.${match[2] ?? ''}`];
  });

function orders(count: number): readonly OrderBody[] {
  return Array.from({ length: count }, (_, n) => anOrder({ paymentMethod: n % 3 === 0 ? 'card-declined' : 'card-456', amount: 10 + n }));
}

async function expectBooksToAddUp(
  placed: readonly { readonly order: OrderBody; readonly sagaId: string; readonly state: string }[],
): Promise<void> {
  for (const { order, sagaId, state } of placed)
    expect([sagaId, state]).toEqual([sagaId, order.paymentMethod === 'card-declined' ? 'compensated' : 'completed']);
  const completed = placed.filter(({ state }) => state === 'completed');
  const ids = completed.map(({ sagaId }) => sagaId).sort();
  const books = await readBooks(database);
  expect([books.ordered, books.reserving, books.charged]).toEqual([ids, ids, ids]);
  expect(books.chargedCents).toBe(completed.reduce((sum, { order }) => sum + order.amount * 100, 0));
  expect(books.stock['prod-123']).toBe(1000 - 2 * completed.length);
}

test('three servers share the work, and nothing is done twice', async () => {
  await openThree();
  const placed = await inParallel(15, orders(60), async (order, n) => ({ order, sagaId: await shopOf(n).place(order) }));
  // Whichever server is asked knows how an order ended.
  const ended = await inParallel(15, placed, async (one, n) => ({ ...one, state: (await shopOf(n + 1).ended(one.sagaId)).state }));
  await expectBooksToAddUp(ended);
  // Three actions each, and two undos for each of the twenty that were declined. A server's last lines may still be on their way.
  const expected = 60 * 3 + 20 * 2;
  const handled = await until('the servers to have said what they did', async () => {
    const byServer = servers.map(handledBy);
    return byServer.flat().length >= expected ? byServer : undefined;
  });
  for (const lines of handled) expect(lines.length).toBeGreaterThan(0);
  expect([handled.flat().length, new Set(handled.flat()).size]).toEqual([expected, expected]);
}, 120_000);

test('kill -9 of a server in the middle of its handlers loses nothing', async () => {
  await openThree({ leaseMs: 2_000, graceMs: 500, sweepMs: 500 });
  const [first, second, victim] = servers;
  let placed: readonly { readonly order: OrderBody; readonly sagaId: string }[] = [];
  await database.holding(`SELECT 1 FROM shop.stock WHERE product_id = 'prod-123' FOR UPDATE`, async () => {
    placed = await inParallel(15, orders(60), async (order, n) => ({ order, sagaId: await shopOf(n % 2).place(order) }));
    // Nobody gets past the shelf meanwhile, so the server dies with handlers that have begun and not ended.
    await until('the third server to reserve', async () => ((await database.waitingForRows('shop-3')) > 0 ? true : undefined));
    await victim?.end('SIGKILL');
  });
  const ended = await inParallel(15, placed, async (one, n) => ({ ...one, state: (await shopOf(n % 2).ended(one.sagaId, 60_000)).state }));
  await expectBooksToAddUp(ended);
  for (const survivor of [first, second]) expect(handledBy(survivor as Program).length).toBeGreaterThan(0);
}, 120_000);
