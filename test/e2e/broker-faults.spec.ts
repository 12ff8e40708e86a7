import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import { setTimeout as pause } from 'node:timers/promises';
import { Proxy } from '../contract/transport-proxy';
import { LoadedApp, OwnBroker } from './broker/broker-under-test';
import { buildSample } from './order-sample/program';

/** From the moment when the broker could serve again. */
const BACK_WITHIN_MS = 10_000;
/** A saga whose broker is gone: the fallback begins after 500 ms, a wake-up that was under way is given up after 1,000. */
const WITHOUT_BROKER_MS = 6_000;
const FLAPS = 15;
const FLAP_MS = 300;

// Each wait has a deadline of its own, which says what it waited for.
jest.setTimeout(120_000);

let broker: OwnBroker;
let app: LoadedApp;

beforeAll(async () => {
  await buildSample();
  broker = await OwnBroker.start();
});
afterAll(() => broker.end());

describe('A process under load, when', () => {
  let proxy: Proxy | undefined;
  afterEach(async () => {
    await app.end();
    await proxy?.plugOut();
    proxy = undefined;
  });

  async function load(options: Parameters<typeof LoadedApp.boot>[0] = {}): Promise<void> {
    app = await LoadedApp.boot({ uri: broker.url, ...options });
    await app.beginLoad();
    await app.isBack();
  }

  async function behindWire(options: Parameters<typeof LoadedApp.boot>[0] = {}): Promise<Proxy> {
    proxy = Proxy.for(broker.url);
    await proxy.plugIn();
    await load({ uri: proxy.uri(), ...options });
    return proxy;
  }

  const worksWithoutBroker = async (): Promise<void> => {
    const ms = await app.completesOne();
    measured('without', ms);
    expect(ms).toBeLessThan(WITHOUT_BROKER_MS);
  };

  const isBack = async (since = performance.now()): Promise<void> => {
    await app.isBack();
    const ms = performance.now() - since;
    measured('back', ms);
    expect(ms).toBeLessThan(BACK_WITHIN_MS);
  };

  /** Nobody was refused, and everything ended as it should, once. */
  const nothingWasLost = async (): Promise<void> => {
    const { started, ...problems } = await app.endLoad();
    expect(problems).toEqual({ refusals: [], wrong: [], twice: [] });
    expect(started).toBeGreaterThan(0);
    expect((await app.status()).warnings).toEqual([]);
  };

  it('the broker is restarted, goes on without it and comes back', async () => {
    await load();
    await broker.ctl('stop_app');
    await worksWithoutBroker();
    await broker.ctl('start_app');
    await isBack();
    await nothingWasLost();
  });

  it('the broker is killed five times, and forgets all it had at the third, goes on and comes back each time', async () => {
    await load();
    for (let kill = 1; kill <= 5; kill++) {
      await broker.kill9();
      await app.hasLost('connection', 'action', 'undo');
      if (kill === 3) await broker.wipe();
      await broker.startAgain();
      const since = performance.now();
      await worksWithoutBroker(); // a queue may have no leader now
      await broker.electLeaders();
      await isBack(since);
    }
    await nothingWasLost();
  });

  it('the broker is not there when it boots, waits for nothing, and works over it when it is there', async () => {
    proxy = await Proxy.for(broker.url).reserve();
    app = await LoadedApp.boot({ uri: proxy.uri() });
    await app.beginLoad();
    await worksWithoutBroker();
    await proxy.plugIn();
    await isBack();
    await nothingWasLost();
  });

  it('its queue is deleted, and then its exchange, comes back', async () => {
    await load();
    await administer((admin) => admin.deleteQueue(app.stepQueue));
    await isBack();
    await administer((admin) => admin.deleteExchange(app.name));
    await isBack();
    await nothingWasLost();
  });

  it('its queue is declared again with other arguments, says so, works without it, and comes back when that queue is gone', async () => {
    await load();
    await administer(async (admin) => {
      // The first to declare the name wins, and the application's consumer is quick: it is kept from its exchange meanwhile.
      for (let isOurs = false; !isOurs;) {
        await admin.deleteQueue(app.stepQueue);
        isOurs = await admin.assertQueue(app.stepQueue, { durable: true }).then(
          () => true,
          () => false,
        );
      }
    });
    await app.hasLost('action');
    await app.says(/consumer of .*PRECONDITION_FAILED/);
    await worksWithoutBroker();
    await administer((admin) => admin.deleteQueue(app.stepQueue));
    await isBack();
    await nothingWasLost();
  });

  it('publishers are blocked by a memory alarm, works on without the broker, and comes back', async () => {
    await load();
    await broker.ctl('set_vm_memory_high_watermark', 'absolute', '1MB');
    await app.says(/blocks publishers/);
    await worksWithoutBroker();
    await broker.ctl('set_vm_memory_high_watermark', 'absolute', '1GB');
    await isBack();
    await nothingWasLost();
  });

  it('the wire falls silent without an end, notices, works without it, and comes back', async () => {
    const wire = await behindWire({ heartbeatSeconds: 1 });
    wire.blackhole();
    await worksWithoutBroker();
    await app.hasLost('connection', 'action', 'undo');
    wire.pass();
    wire.cut();
    await isBack();
    await nothingWasLost();
  });

  it('its password is changed, says so, works without the broker, and comes back with the password', async () => {
    await load();
    await broker.ctl('change_password', 'guest', 'another');
    await broker.ctl('close_all_connections', 'rotated');
    await app.says(/ACCESS.REFUSED/);
    await worksWithoutBroker();
    await broker.ctl('change_password', 'guest', 'guest');
    await isBack();
    await nothingWasLost();
  });

  it('its virtual host is deleted, works without it, and comes back with the host', async () => {
    await broker.ctl('add_vhost', 'lent');
    await broker.ctl('set_permissions', '-p', 'lent', 'guest', '.*', '.*', '.*');
    await load({ uri: `${broker.url}/lent` });
    await broker.ctl('delete_vhost', 'lent');
    await worksWithoutBroker();
    await broker.ctl('add_vhost', 'lent');
    await broker.ctl('set_permissions', '-p', 'lent', 'guest', '.*', '.*', '.*');
    await isBack();
    await nothingWasLost();
  });

  it('the connection is cut every 300 ms, leaks neither sockets nor listeners, and comes back', async () => {
    const wire = await behindWire();
    const files = app.openFiles;
    for (let flap = 0; flap < FLAPS; flap++) {
      wire.cut();
      await pause(FLAP_MS); // not for anything: this is the fault
    }
    await isBack();
    await nothingWasLost();
    expect(wire.connections).toBe(2);
    expect(app.openFiles).toBeLessThanOrEqual(files + 2);
  });

  it('an operator gives its queues a time to live of 1 ms and room for one message, ends every saga all the same', async () => {
    await load();
    const policy = { 'message-ttl': 1, 'max-length': 1 };
    await broker.ctl('set_policy', 'hostile', `^${app.name}`, JSON.stringify(policy), '--apply-to', 'queues');
    await worksWithoutBroker();
    await nothingWasLost();
    await broker.ctl('clear_policy', 'hostile');
  });
});

type Admin = Awaited<ReturnType<NonNullable<AmqpConnection['managedConnection']['connection']>['createChannel']>>;

async function administer(work: (admin: Admin) => Promise<unknown>): Promise<void> {
  const silent = { log: () => undefined, error: () => undefined, warn: () => undefined };
  const amqp = new AmqpConnection({ uri: broker.url, logger: silent, enableDirectReplyTo: false, registerHandlers: false });
  await amqp.init();
  await work(await amqp.managedConnection.connection!.createChannel());
  await amqp.managedConnection.close();
}

function measured(what: string, ms: number): void {
  if (process.env['NEST_SAGA_PRINT_TIMES'])
    process.stderr.write(`${String(expect.getState().currentTestName)}: ${what} ${Math.round(ms)} ms\n`);
}
