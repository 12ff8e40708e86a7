import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SagaDatabaseError, type SagaState } from 'nest-saga';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import {
  BAD,
  Effects,
  engineBackends,
  expectWholeSagas,
  GOOD,
  held,
  makeEffects,
  refusal,
  standingEffects,
  Uncaught,
  untilEngineBackends,
  withClient,
} from './database-trouble';
import { until } from './order-sample/until';
import { OwnService } from './own-services/own-service';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';

const MOST_CONNECTIONS = 40;
let server: OwnService;
/** Of a fresh database. */
let url: string;
let namespace: string;
let uncaught: Uncaught;

beforeAll(async () => {
  server = await OwnService.postgres({ max_connections: MOST_CONNECTIONS });
}, 60_000);
afterAll(() => server.stop());

beforeEach(async () => {
  namespace = freshName();
  await withClient(server.url, (admin) => admin.query(`CREATE DATABASE ${namespace}`));
  const own = new URL(server.url);
  own.pathname = `/${namespace}`;
  url = own.href;
  await makeEffects(url);
  uncaught = new Uncaught();
  uncaught.watch();
});
afterEach(async () => {
  await closeApps();
  expect(await uncaught.stop()).toEqual([]);
});

/**
 * TypeORM listens to a connection a moment after pg has handed it out; one that ends right then would end the process, in every
 * application alike. What is judged here is the engine, so the application's own connections get a listener from the start.
 */
const LISTENED_TO = { onConnect: (client: Client) => void client.on('error', () => undefined) };

function boot(setup: AppSetup = {}): Promise<SagaApp> {
  return bootSagaApp({ providers: [Effects], namespace, database: { url, extra: LISTENED_TO }, ...setup });
}

async function ends(app: SagaApp, ids: readonly string[]): Promise<readonly SagaState[]> {
  return Promise.all(ids.map(async (id) => (await app.sagas.waitFor(id)).state));
}

/** Starts under a business key until it is accepted: an error then leaves no doubt. */
async function startSurely(app: SagaApp, key: string, steps: typeof GOOD): Promise<string> {
  return until(`start of ${key}`, async () => {
    try {
      return (await app.sagas.start('s', steps, {}, { businessKey: key })).id;
    } catch (error) {
      expect(error).toBeInstanceOf(SagaDatabaseError);
      return undefined;
    }
  });
}

function poolOf(app: SagaApp): { readonly totalCount: number; readonly idleCount: number; readonly waitingCount: number } {
  return (app.context.get(DataSource).driver as unknown as { master: never }).master;
}

const TERMINATE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;

describe('A storm that ends every backend, ten times a second', () => {
  it('costs time and nothing else: every saga ends right, no connection is lost for good, nothing is left uncaught', async () => {
    const apps = [await boot(), await boot()] as const;
    const plans = Array.from({ length: 24 }, (_, n) => (n % 3 === 2 ? BAD : GOOD));
    const [ids] = await Promise.all([
      Promise.all(plans.map((steps, n) => startSurely(apps[n % 2 === 0 ? 0 : 1], `k${n}`, steps))),
      withClient(url, async (admin) => {
        for (let n = 0; n < 20; n++) {
          await admin.query(TERMINATE);
          await pause(100);
        }
      }),
    ]);
    const states = await ends(apps[0], ids);
    expect(states).toEqual(plans.map((steps) => (steps === BAD ? 'compensated' : 'completed')));
    const standing = ids.filter((_, n) => plans[n] === GOOD).flatMap((id) => ['a', 'b', 'c', 'd'].map((name) => `${id} ${name}`));
    expect(await standingEffects(url)).toEqual(standing.sort());
    expect(await expectWholeSagas(url, namespace)).toBe(plans.length);

    for (const app of apps) {
      const { totalCount, idleCount, waitingCount } = poolOf(app);
      expect([idleCount, waitingCount]).toEqual([totalCount, 0]);
    }
    await apps[1].close();
    // The engine's own pool of four still has four: with the table locked, each of them comes to wait.
    await withClient(url, async (admin) => {
      await admin.query('BEGIN');
      await admin.query(`LOCK TABLE "${namespace}".sagas`);
      const found = ids.slice(0, 8).map((id) => apps[0].sagas.history(id));
      await untilEngineBackends(url, 4, `wait_event_type = 'Lock'`);
      await admin.query('COMMIT');
      for (const history of await Promise.all(found)) expect(history[0]?.kind).toBe('start');
    });
    await apps[0].close();
    await untilEngineBackends(url, 0);
  });
});

describe('A database that turns read-only', () => {
  const readOnly = (setting: 'on' | 'off') =>
    withClient(server.url, async (admin) => {
      await admin.query(`ALTER SYSTEM SET default_transaction_read_only = ${setting}`);
      await admin.query('SELECT pg_reload_conf()');
      // Sessions hear of it one by one; whoever has finished a statement since then has heard.
      await until(`read-only ${setting}`, async () => {
        const { rows } = await admin.query<{ is: string }>(`SELECT current_setting('default_transaction_read_only') AS is`);
        return rows[0]?.is === setting ? true : undefined;
      });
    });
  afterEach(() => readOnly('off'));

  it('refuses a start clearly, keeps what is true, and goes on by itself when it is writable again', async () => {
    const app = await boot();
    const running = await Promise.all(Array.from({ length: 3 }, () => app.sagas.start('s', held())));
    await Promise.all(running.map(({ id }) => app.signal('operation.claimed', ({ sagaId }) => sagaId === id)));
    await readOnly('on');
    const error = await until('a refusal', async () =>
      app.sagas.start('refused', GOOD).then(
        () => undefined,
        (reason: unknown) => reason as SagaDatabaseError,
      ),
    );
    expect(error).toBeInstanceOf(SagaDatabaseError);
    expect(error).toMatchObject({
      sqlState: '25006',
      message: expect.stringMatching(/^cannot execute .* read-only transaction \(25006\)$/),
    });
    const before = (await app.sagas.list({ name: 'refused' })).length;
    await refusal(app.sagas.start('refused', GOOD, {}, { businessKey: 'k' }));
    await expect(boot()).rejects.toThrow('25006');
    app.context.get(Effects).letGo();
    await app.signal('engine.trouble', ({ where }) => where === 'sweep');
    await app.signal('engine.trouble', ({ where }) => where === 'commit of failed');
    expect((await app.sagas.list({ name: 'refused' })).length).toBe(before);
    expect(await standingEffects(url)).toEqual([]);
    await readOnly('off');
    expect(
      await ends(
        app,
        running.map(({ id }) => id),
      ),
    ).toEqual(['completed', 'completed', 'completed']);
    expect((await app.sagas.start('refused', GOOD, {}, { businessKey: 'k' })).created).toBe(true);
    await expectWholeSagas(url, namespace);
  });

  it('leaves no connection behind that stays read-only, as one to a server that was promoted later would', async () => {
    const app = await boot();
    const stale = await withClient(server.url, async (admin) => {
      await admin.query(`ALTER DATABASE ${namespace} SET default_transaction_read_only = on`);
      await admin.query(TERMINATE); // as a failover does: everybody comes back to a server that is not writable yet
      await until('a refusal', async () => {
        const error: unknown = await app.sagas.start('s', GOOD).catch((reason: unknown) => reason);
        return error instanceof SagaDatabaseError && error.sqlState === '25006' ? true : undefined;
      });
      const idle = `SELECT pid FROM pg_stat_activity WHERE datname = '${namespace}' AND state = 'idle'`;
      const { rows } = await admin.query<{ pid: number }>(idle);
      await admin.query(`ALTER DATABASE ${namespace} RESET default_transaction_read_only`);
      return [0, ...rows.map(({ pid }) => pid)];
    });
    // The application's pool has idle connections to that server as well, and they are the application's business.
    await withClient(server.url, (admin) => admin.query(`${TERMINATE} AND application_name NOT LIKE '%nest-saga'`));
    await until('only connections that are writable', async () => {
      await Promise.allSettled(Array.from({ length: 4 }, () => app.sagas.start('s', GOOD)));
      return (await engineBackends(url, `pid IN (${stale.join()})`)) === 0 ? true : undefined;
    });
    const id = await startSurely(app, 'k', GOOD);
    expect(await ends(app, [id])).toEqual(['completed']);
  });
});

describe('A server without a free connection', () => {
  it('is an error for who starts and a delay for what runs; leases and outcomes survive', async () => {
    const app = await boot();
    const running = await Promise.all(Array.from({ length: 3 }, () => app.sagas.start('s', held())));
    await Promise.all(running.map(({ id }) => app.signal('operation.claimed', ({ sagaId }) => sagaId === id)));
    const others: Client[] = [];
    const admin = new Client({ connectionString: server.url });
    await admin.connect();
    let isFull = true;
    try {
      // Takes every place that becomes free, until no backend of the application is left.
      const fill = async (): Promise<void> => {
        while (isFull) {
          const client = new Client({ connectionString: server.url });
          client.on('error', () => undefined);
          try {
            await client.connect();
            others.push(client);
          } catch (error) {
            expect(error).toMatchObject({ code: '53300' });
            await pause(5);
          }
        }
      };
      const filling = Promise.all([fill(), fill(), fill()]);
      await until('a server that is full of others', async () => {
        await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${namespace}'`);
        const { rows } = await admin.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname <> '${namespace}'`,
        );
        return rows[0]?.count === MOST_CONNECTIONS ? true : undefined;
      });
      expect(await refusal(app.sagas.start('s', GOOD))).toMatchObject({ sqlState: '53300' });
      app.context.get(Effects).letGo();
      await app.signal('engine.trouble', ({ error }) => error instanceof SagaDatabaseError && error.sqlState === '53300');
      isFull = false;
      await filling;
    } finally {
      isFull = false;
      await Promise.all([...others, admin].map((client) => client.end()));
    }
    expect(
      await ends(
        app,
        running.map(({ id }) => id),
      ),
    ).toEqual(['completed', 'completed', 'completed']);
    expect(await ends(app, [await startSurely(app, 'k', BAD)])).toEqual(['compensated']);
    expect(await engineBackends(url)).toBeLessThanOrEqual(4);
    await expectWholeSagas(url, namespace);
  });
});
