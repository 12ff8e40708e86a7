import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SagaStep, SagaService, type StepContext } from 'nest-saga';
import { DataSource } from 'typeorm';
import { Proxy } from '../contract/transport-proxy';
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
  untilEngineBackends,
  withClient,
} from './database-trouble';
import { until } from './order-sample/until';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';

const server = process.env['DATABASE_URL'] ?? '';
/** Of a fresh database. */
let url: string;
let namespace: string;

beforeEach(async () => {
  namespace = freshName();
  await withClient(server, (admin) => admin.query(`CREATE DATABASE ${namespace}`));
  url = Object.assign(new URL(server), { pathname: `/${namespace}` }).href;
  await makeEffects(url);
});
afterEach(async () => {
  await closeApps();
  await withClient(server, (admin) => admin.query(`DROP DATABASE ${namespace} WITH (FORCE)`));
});

function boot({ database = {}, ...setup }: AppSetup = {}): Promise<SagaApp> {
  return bootSagaApp({ providers: [Effects], namespace, database: { url, ...database }, ...setup });
}

async function ends(app: SagaApp, ids: readonly { readonly id: string }[]): Promise<readonly string[]> {
  return Promise.all(ids.map(async ({ id }) => (await app.sagas.waitFor(id)).state));
}

const IN_THIS_DATABASE = 'datname = current_database()';
const WAITS_FOR_LOCK = `${IN_THIS_DATABASE} AND wait_event_type = 'Lock'`;

@Injectable()
class Greedy {
  letGo: () => void = () => undefined;
  private readonly free = new Promise<void>((resolve) => (this.letGo = resolve));

  constructor(private readonly dataSource: DataSource) {}

  /** Keeps a connection of the application's for as long as it runs. */
  @SagaStep('hog') async hog() {
    await this.dataSource.transaction(async (manager) => {
      await manager.query('SELECT 1');
      await this.free;
    });
  }

  @SagaStep('modest') modest(_input: unknown, ctx: StepContext) {
    return ctx.step.name;
  }
}

describe('An application whose own pool is used up', () => {
  it('keeps its leases, and every saga that needs nothing from that pool runs', async () => {
    const app = await boot({ providers: [Greedy], database: { poolSize: 2 } });
    const hogs = await Promise.all([1, 2].map(() => app.sagas.start('s', [{ name: 'hog', action: 'hog', compensation: null }])));
    await until('a pool that is used up', async () => {
      const { idleCount, totalCount } = (app.context.get(DataSource).driver as unknown as { master: Record<string, number> }).master;
      return idleCount === 0 && totalCount === 2 ? true : undefined;
    });
    const leases = () =>
      withClient(url, async (client) => {
        const { rows } = await client.query<{ lease: Date }>(
          `SELECT lease_until AS lease FROM "${namespace}".operations WHERE key = 'hog' AND state = 'running' AND lease_until > clock_timestamp()`,
        );
        return rows.map(({ lease }) => lease.getTime());
      });
    const first = await leases();
    expect(first).toHaveLength(2);
    const steps = ['a', 'b', 'c'].map((name) => ({ name, action: 'modest', compensation: null }));
    const others = await Promise.all(Array.from({ length: 10 }, () => app.sagas.start('s', steps)));
    expect(new Set(await ends(app, others))).toEqual(new Set(['completed']));
    // Longer than a lease: each of them was renewed.
    await until('renewed leases', async () => {
      const now = await leases();
      expect(now).toHaveLength(2);
      return Math.min(...now) > Math.max(...first) + 1_500 ? true : undefined;
    });
    app.context.get(Greedy).letGo();
    expect(await ends(app, hogs)).toEqual(['completed', 'completed']);
    expect(app.signals.filter(({ type }) => type === 'operation.lost')).toEqual([]);
  });
});

describe.each([
  ['SERIALIZABLE, said to the server', { extra: { options: '-c default_transaction_isolation=serializable' } }],
  ['REPEATABLE READ, said to the server', { extra: { options: '-c default_transaction_isolation=repeatable\\ read' } }],
  ['SERIALIZABLE, said to TypeORM', { isolationLevel: 'SERIALIZABLE' }],
])('An application whose connections are %s', (_what, database) => {
  it('gets the same sagas, also from inside its transactions', async () => {
    const app = await boot({ database });
    const plans = Array.from({ length: 9 }, (_, n) => (n % 3 === 2 ? BAD : GOOD));
    const started = await Promise.all(plans.map((steps) => app.sagas.start('s', steps)));
    expect(await ends(app, started)).toEqual(plans.map((steps) => (steps === BAD ? 'compensated' : 'completed')));

    const dataSource = app.context.get(DataSource);
    const one = await dataSource.transaction('SERIALIZABLE', async (manager) => {
      const [first] = await Promise.all([app.sagas.start('s', GOOD, {}, { businessKey: 'k', manager })]);
      // A transaction that looked before the first one committed, and asks for the same key: it waits, and must not start a second one.
      const other = dataSource.transaction('SERIALIZABLE', async (its) => {
        await its.query('SELECT count(*) FROM effects');
        return app.sagas.start('s', GOOD, {}, { businessKey: 'k', manager: its });
      });
      const refused = refusal(other);
      await until('the other one waits', async () =>
        withClient(url, async (client) => {
          const { rows } = await client.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`);
          return rows.length > 0 ? true : undefined;
        }),
      );
      return { first, refused };
    });
    expect(await one.refused).toMatchObject({ sqlState: '40001' });
    const again = await dataSource.transaction('SERIALIZABLE', (manager) => app.sagas.start('s', GOOD, {}, { businessKey: 'k', manager }));
    expect([again.created, again.id]).toEqual([false, one.first.id]);
    expect(await ends(app, [again])).toEqual(['completed']);
    expect(await expectWholeSagas(url, namespace)).toBe(plans.length + 1);
  });
});

describe('An operator who locks the table of sagas for longer than a lease', () => {
  it('delays everything and harms nothing, and costs no more connections than the pool has', async () => {
    const app = await boot();
    const running = await Promise.all(Array.from({ length: 4 }, () => app.sagas.start('s', held())));
    await Promise.all(running.map(({ id }) => app.signal('operation.claimed', ({ sagaId }) => sagaId === id)));
    const starting = await withClient(url, async (admin) => {
      await admin.query('BEGIN');
      await admin.query(`LOCK TABLE "${namespace}".sagas`);
      app.context.get(Effects).letGo();
      const started = [GOOD, BAD, GOOD, BAD].map((steps, n) => app.sagas.start('s', steps, {}, { businessKey: `k${n}` }));
      await untilEngineBackends(url, 4, WAITS_FOR_LOCK);
      await until('every lease and its grace is over', async () => {
        const { rows } = await admin.query(
          `SELECT 1 FROM "${namespace}".operations WHERE state = 'running' AND lease_until + interval '200 milliseconds' > clock_timestamp()`,
        );
        return rows.length === 0 ? true : undefined;
      });
      expect(await engineBackends(url, IN_THIS_DATABASE)).toBe(4);
      await admin.query('COMMIT');
      return started;
    });
    expect(await ends(app, running)).toEqual(['completed', 'completed', 'completed', 'completed']);
    expect(await ends(app, await Promise.all(starting))).toEqual(['completed', 'compensated', 'completed', 'compensated']);
    expect(await standingEffects(url)).toHaveLength(4 * 2 + 2 * 4);
    expect(await expectWholeSagas(url, namespace)).toBe(8);
  });
});

describe('A transaction that somebody leaves open', () => {
  it('keeps nobody else waiting, whatever it has read and started', async () => {
    const app = await boot();
    const dataSource = app.context.get(DataSource);
    const mine = await dataSource.transaction('REPEATABLE READ', async (manager) => {
      await manager.query(`INSERT INTO effects (key, what) VALUES ('long', 'long')`);
      await manager.query(`SELECT count(*) FROM "${namespace}".sagas`);
      const started = await app.sagas.start('s', GOOD, {}, { businessKey: 'long', manager });
      const others = await Promise.all(
        Array.from({ length: 20 }, (_, n) => app.sagas.start('s', n % 4 === 3 ? BAD : GOOD, {}, { businessKey: `k${n}` })),
      );
      expect(new Set(await ends(app, others))).toEqual(new Set(['completed', 'compensated']));
      expect(await app.sagas.find(started.id)).toBeNull();
      return started;
    });
    expect(await ends(app, [mine])).toEqual(['completed']);
  });
});

describe('A process whose connections fall silent while it holds the lock of a saga', () => {
  it('keeps others from that saga for fifteen seconds, and from nothing else', async () => {
    const wire = await Proxy.for(url).reserve();
    await wire.plugIn();
    try {
      const there = await boot({ database: { url: Object.assign(new URL(url), { port: String(wire.port) }).href } });
      const here = await boot({ options: { autoStart: false } });
      const saga = await there.sagas.start('s', held());
      await there.signal('operation.claimed');
      await withClient(url, async (admin) => {
        await admin.query('BEGIN');
        await admin.query(`SELECT 1 FROM "${namespace}".sagas WHERE id = $1 FOR UPDATE`, [saga.id]);
        there.context.get(Effects).letGo();
        // Its report gives up trying without waiting, and waits for the lock in a transaction.
        await untilEngineBackends(url, 1, WAITS_FOR_LOCK);
        wire.blackhole();
        await admin.query('COMMIT');
      });
      await untilEngineBackends(url, 1, `${IN_THIS_DATABASE} AND state = 'idle in transaction'`);
      const silentSince = performance.now();
      here.context.get(Effects).letGo();
      await here.context.get(SagaService).run();
      const others = await Promise.all([GOOD, BAD, GOOD].map((steps) => here.sagas.start('s', steps)));
      expect(await ends(here, others)).toEqual(['completed', 'compensated', 'completed']);
      expect(performance.now() - silentSince).toBeLessThan(10_000);
      expect(await ends(here, [saga])).toEqual(['completed']);
      expect(performance.now() - silentSince).toBeLessThan(20_000);
      expect(await standingEffects(url)).toHaveLength(2 * 4 + 2);
      wire.pass();
      expect(
        await ends(there, [
          await until('a start by the process that was cut off', () => there.sagas.start('s', GOOD).catch(() => undefined)),
        ]),
      ).toEqual(['completed']);
    } finally {
      await closeApps();
      await wire.plugOut();
    }
  }, 45_000);
});
