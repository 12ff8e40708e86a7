import { createServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createDatabase, type OwnDatabase } from './order-sample/own-database';
import { buildSample, Program } from './order-sample/program';
import { anOrder, ShopHttp } from './order-sample/shop-http';

const MAIN = 'sample/01-order-processing/dist/main.js';

let database: OwnDatabase;
const programs: Program[] = [];

beforeAll(async () => {
  [database] = await Promise.all([createDatabase(), buildSample()]);
}, 120_000);
afterAll(async () => {
  await Promise.all(programs.map((program) => program.end('SIGKILL')));
  await database.drop();
});

function start(env: Readonly<Record<string, string | undefined>>): Program {
  // Without a broker: the tests share one, and the sample's queues have the names that everybody's have.
  const program = new Program(MAIN, { AMQP_URL: undefined, DATABASE_URL: database.url, PORT: '0', ...env });
  programs.push(program);
  return program;
}

test('the sample tells the story of two orders, stays open, and ends with 0 when it is asked to', async () => {
  const sample = start({});
  const [, url = ''] = await sample.says(/stays open at (\S+)/);
  const story = sample.lines.join('\n');
  expect(story).toMatch(
    /An order that succeeds: saga \w{26} is completed\n(.*completed\n){3}.*the end\n.*1000 of prod-123 before, 998 after\n.*99\.99 charged after/,
  );
  expect(story).toMatch(
    /An order whose card is declined: saga \w{26} is compensated\n(.*compensated\n){2}.*CARD_DECLINED.*\n.*the end\n.*998 of prod-123 before, 998 after\n.*none after/,
  );
  expect(sample.lines.filter((line) => line.startsWith('curl'))).toHaveLength(2);
  const shop = new ShopHttp(url);
  expect((await shop.ended(await shop.place(anOrder()))).state).toBe('completed');
  expect(await sample.end('SIGTERM')).toEqual({ code: 0, signal: null });
  expect(sample.errors).toEqual([]);
}, 60_000);

test('the sample ends with 0 on Ctrl-C, also in the middle of its story', async () => {
  const sample = start({});
  await sample.says(/The shop is open/);
  expect(await sample.end('SIGINT')).toEqual({ code: 0, signal: null });
  expect(sample.errors).toEqual([]);
}, 60_000);

test('a port that is in use is one sentence that names the remedy', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as AddressInfo;
  const sample = start({ PORT: String(port) });
  expect(await sample.ended).toEqual({ code: 1, signal: null });
  expect(sample.errors).toEqual([
    `port ${port} is in use: set PORT to another one, for example PORT=3001 npm start; PORT=0 takes any that is free.`,
  ]);
  await new Promise((resolve) => other.close(resolve));
}, 60_000);

test.each(['http', '70000', '-1'])(
  'PORT=%s is refused in one sentence',
  async (port) => {
    const sample = start({ PORT: port });
    expect(await sample.ended).toEqual({ code: 1, signal: null });
    expect(sample.errors).toEqual([`PORT is "${port}", which is no port: set it to a whole number from 0 to 65535.`]);
  },
  60_000,
);
