import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SagaDatabaseError, typeOrmStore } from 'nest-saga';
import { DataSource } from 'typeorm';
import { BAD, Effects, expectWholeSagas, GOOD, makeEffects, standingEffects, Uncaught, withClient } from './database-trouble';
import { until } from './order-sample/until';
import { OwnService } from './own-services/own-service';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

let pgbouncer: OwnService;
/** Straight, and by way of pgbouncer. */
let direct: string;
let url: string;
let namespace: string;

beforeAll(async () => {
  pgbouncer = await OwnService.pgbouncer(process.env['DATABASE_URL'] ?? '');
}, 180_000);
afterAll(() => pgbouncer.stop());

async function boot(settings = '', behind = pgbouncer): Promise<SagaApp> {
  namespace = freshName();
  const inDatabase = (server: string): string => Object.assign(new URL(server), { pathname: `/${namespace}` }).href;
  await withClient(process.env['DATABASE_URL'] ?? '', (admin) => admin.query(`CREATE DATABASE ${namespace}`));
  [direct, url] = [inDatabase(process.env['DATABASE_URL'] ?? ''), inDatabase(behind.url)];
  await makeEffects(direct);
  if (settings !== '') await withClient(direct, (admin) => admin.query(`ALTER DATABASE ${namespace} ${settings}`));
  const store = typeOrmStore({ schema: namespace, autoMigrate: true, namedStatements: false });
  return bootSagaApp({ providers: [Effects], namespace, database: { url }, options: { store } });
}

afterEach(async () => {
  await closeApps();
  await withClient(process.env['DATABASE_URL'] ?? '', (admin) => admin.query(`DROP DATABASE ${namespace} WITH (FORCE)`));
});

describe('Through pgbouncer in transaction mode', () => {
  it('sagas run to their end, a key starts once, and start({ manager }) follows its transaction', async () => {
    const app = await boot();
    const plans = Array.from({ length: 12 }, (_, n) => (n % 3 === 2 ? BAD : GOOD));
    const starts = plans.flatMap((steps, n) => [1, 2].map(() => app.sagas.start('s', steps, {}, { businessKey: `k${n}` })));
    const started = await Promise.all(starts);
    expect(started.filter(({ created }) => created)).toHaveLength(plans.length);
    const states = await Promise.all(started.map(async ({ id }) => (await app.sagas.waitFor(id)).state));
    expect(states).toEqual(plans.flatMap((steps) => Array.from({ length: 2 }, () => (steps === BAD ? 'compensated' : 'completed'))));

    const dataSource = app.context.get(DataSource);
    const inside = await dataSource.transaction((manager) => app.sagas.start('s', GOOD, {}, { businessKey: 'in', manager }));
    expect((await app.sagas.waitFor(inside.id)).state).toBe('completed');
    const rolledBack = dataSource.transaction(async (manager) => {
      await app.sagas.start('s', GOOD, {}, { businessKey: 'out', manager });
      throw new Error('rolled back');
    });
    await expect(rolledBack).rejects.toThrow('rolled back');
    expect((await app.sagas.start('s', GOOD, {}, { businessKey: 'out' })).created).toBe(true);
  });

  it('a restart of it in the middle is only a delay', async () => {
    const uncaught = new Uncaught();
    uncaught.watch();
    const app = await boot();
    const plans = Array.from({ length: 20 }, (_, n) => (n % 3 === 2 ? BAD : GOOD));
    const startSurely = (steps: typeof GOOD, key: string): Promise<string> =>
      until(`start of ${key}`, async () => {
        try {
          return (await app.sagas.start('s', steps, {}, { businessKey: key })).id;
        } catch (error) {
          expect(error).toBeInstanceOf(SagaDatabaseError);
          return undefined;
        }
      });
    const starting = Promise.all(plans.map((steps, n) => startSurely(steps, `k${n}`)));
    await app.signal('operation.completed');
    await pgbouncer.ask('restart');
    const ids = await starting;
    const states = await Promise.all(ids.map(async (id) => (await app.sagas.waitFor(id)).state));
    expect(states).toEqual(plans.map((steps) => (steps === BAD ? 'compensated' : 'completed')));
    expect(await standingEffects(direct)).toHaveLength(4 * plans.filter((steps) => steps === GOOD).length);
    expect(await expectWholeSagas(direct, namespace)).toBe(plans.length);
    expect(await uncaught.stop()).toEqual([]);
  });

  it('an isolation that the engine cannot change from there is refused at boot, with what to do', async () => {
    await expect(boot('SET default_transaction_isolation = serializable')).rejects.toThrow(/READ COMMITTED.*serializable.*ALTER ROLE/s);
  });

  it('one that refuses startup options is connected to without them', async () => {
    const strict = await OwnService.pgbouncer(process.env['DATABASE_URL'] ?? '', 'extra_float_digits');
    try {
      const app = await boot('', strict);
      const { id } = await app.sagas.start('s', GOOD);
      expect((await app.sagas.waitFor(id)).state).toBe('completed');
    } finally {
      await closeApps();
      await strict.stop();
    }
  });
});
