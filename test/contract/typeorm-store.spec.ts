import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Column, DataSource, Entity, PrimaryColumn, type EntityManager } from 'typeorm';
import { SagaManagerError, sagaMigrations, typeOrmStore } from '../../lib/adapters/typeorm';
import { claimStatement } from '../../lib/adapters/typeorm/claim.statement';
import type { Statement } from '../../lib/adapters/typeorm/sql';
import { EnginePool } from '../../lib/adapters/typeorm/engine.pool';
import { heartbeatStatement } from '../../lib/adapters/typeorm/heartbeat.statement';
import { takeEventsStatement } from '../../lib/adapters/typeorm/outbox.statement';
import { sweepStatement } from '../../lib/adapters/typeorm/sweep.statement';
import { SagaBusyError, SagaConfigurationError, SagaSchemaError } from '../../lib/errors';
import type { OutboxEvent } from '../../lib/ports/outbox-event';
import type { ChainOffer } from '../../lib/ports/claim';
import type { ApplyResult } from '../../lib/ports/report';
import type { SagaStore } from '../../lib/ports/saga-store';
import { transition } from '../../lib/core/transition';
import {
  action,
  completed,
  LEASE_MS,
  plan,
  RESEND_MS,
  Scenario,
  startRequest,
  step,
  TWO_STEPS,
} from '../../lib/testing/store-contract.scenario';
import { Proxy } from './transport-proxy';
import { application, databaseUrl, freshSchema, NO_CONTAINER, postgresFixture, type PostgresFixture } from './typeorm-store.fixture';

async function within<T>(keep: (fixture: PostgresFixture) => Promise<T>): Promise<T> {
  const fixture = await postgresFixture();
  try {
    return await keep(fixture);
  } finally {
    await fixture.dispose();
  }
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error('it was expected to reject')),
    (error: unknown) => error as Error,
  );
}

async function withApplication<T>(use: (app: DataSource) => Promise<T>, options: Parameters<typeof application>[0] = {}): Promise<T> {
  const app = await application(options).initialize();
  try {
    return await use(app);
  } finally {
    await app.destroy();
  }
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise(setImmediate);
}

/** Until a statement on this schema waits, for a lock or in its sleep. */
async function untilWaiting(app: DataSource, schema: string, what: 'Lock' | 'PgSleep'): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE $1 IN (wait_event, wait_event_type) AND position($2 in query) > 0`;
  await until(async () => (await app.query<unknown[]>(text, [what, schema])).length > 0);
}

/** Somebody waits for what this transaction holds. */
async function untilBlockedBy(app: DataSource, holder: EntityManager): Promise<void> {
  const [{ pid }] = await holder.query<[{ pid: number }]>('SELECT pg_backend_pid() AS pid');
  const text = 'SELECT 1 FROM pg_stat_activity WHERE $1::int = ANY (pg_blocking_pids(pid))';
  await until(async () => (await app.query<unknown[]>(text, [pid])).length > 0);
}

@Entity('contract_orders')
class Order {
  @PrimaryColumn()
  id!: number;

  @Column()
  name!: string;
}

describe('the schema', () => {
  it('is asked for by name when it is missing', async () => {
    await withApplication(async (app) => {
      const store = typeOrmStore({ dataSource: app, schema: 'saga_is_not_there' }).create(NO_CONTAINER);
      const error = await rejection(store.open());
      expect(error).toBeInstanceOf(SagaSchemaError);
      expect(error.message).toContain('schema "saga_is_not_there" has no saga tables');
      expect(error.message).toContain('sagaMigrations({ schema: "saga_is_not_there" })');
    });
  });

  it.each([
    [0, 'older'],
    [99, 'newer'],
  ])('of version %i is refused as %s', async (version, word) => {
    await within(async ({ app, schema }) => {
      await app.query(`UPDATE "${schema}".meta SET version = ${version}`);
      const error = await rejection(typeOrmStore({ dataSource: app, schema }).create(NO_CONTAINER).open());
      expect(error).toBeInstanceOf(SagaSchemaError);
      expect(error.message).toContain(word);
    });
  });

  it('is made by the migrations of an application, and taken back by them', async () => {
    const schema = freshSchema();
    const names = sagaMigrations({ schema }).map(({ name }) => name);
    expect(names.every((name) => /\D\d{13}$/.test(name))).toBe(true);
    await withApplication(
      async (app) => {
        await app.runMigrations();
        expect(await app.runMigrations()).toEqual([]);
        const store = typeOrmStore({ dataSource: app, schema }).create(NO_CONTAINER);
        await store.open();
        await new Scenario(store).start(TWO_STEPS);
        await store.close();
        await app.undoLastMigration();
        expect(await app.query(`SELECT 1 FROM pg_namespace WHERE nspname = '${schema}'`)).toEqual([]);
        await app.query(`DROP TABLE "${schema}_migrations"`);
      },
      { migrations: sagaMigrations({ schema }), migrationsTableName: `${schema}_migrations` },
    );
  });

  it('may be migrated after autoMigrate made it', async () => {
    await within(async ({ schema, store }) => {
      await new Scenario(store).start(TWO_STEPS);
      const names = { migrations: sagaMigrations({ schema }), migrationsTableName: `${schema}_migrations` };
      await withApplication(async (app) => {
        await app.runMigrations();
        await app.query(`DROP TABLE "${schema}_migrations"`);
      }, names);
      expect(await store.list({ limit: 10 })).toHaveLength(1);
    });
  });

  it('is made once by many stores that open at once', async () => {
    const schema = freshSchema();
    await withApplication(async (app) => {
      const stores = Array.from({ length: 5 }, () => typeOrmStore({ dataSource: app, schema, autoMigrate: true }).create(NO_CONTAINER));
      await Promise.all(stores.map((store) => store.open()));
      await Promise.all(stores.map((store) => store.close()));
      expect(await app.query(`SELECT version FROM "${schema}".meta`)).toEqual([{ version: 1 }]);
      await app.query(`DROP SCHEMA "${schema}" CASCADE`);
    });
  });

  it('is left alone by synchronize and by dropSchema of the application', async () => {
    await within(async ({ store, schema }) => {
      await new Scenario(store).start(TWO_STEPS);
      await withApplication(
        async (app) => {
          await app.getRepository(Order).insert({ id: 1, name: 'x' });
          await app.synchronize(true);
          await app.query('DROP TABLE contract_orders');
        },
        { entities: [Order], synchronize: true, schema: 'public' },
      );
      expect(await store.list({ limit: 10 })).toHaveLength(1);
      await withApplication(async (app) => {
        const tables: { readonly n: string }[] = await app.query(`SELECT count(*) AS n FROM pg_tables WHERE schemaname = '${schema}'`);
        expect(tables[0]?.n).toBe('13');
      });
    });
  });

  it('keeps a terminal state even against plain SQL', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(plan([step('a')]));
      await scenario.perform(sagaId, action(0));
      const error = await rejection(app.query(`UPDATE "${schema}".sagas SET state = 'started' WHERE id = $1`, [sagaId]));
      expect(error).toMatchObject({ code: '23514' });
      await app.query(`UPDATE "${schema}".sagas SET updated_at = clock_timestamp() WHERE id = $1`, [sagaId]);
    });
  });
});

describe('a start in the caller’s transaction', () => {
  const begin = (manager: EntityManager, key: string | null = null): ReturnType<typeof startRequest> => ({
    ...startRequest(TWO_STEPS, { businessKey: key === null ? null : { key, fingerprint: 'f' } }),
    manager,
  });

  it('exists when that transaction commits, and says so', async () => {
    await within(async ({ app, store }) => {
      let committed: Promise<void> | null = null;
      let known = false;
      const id = await app.transaction(async (manager) => {
        const request = begin(manager, 'k');
        const result = await store.start(request);
        if (result.kind !== 'started') throw new Error(result.kind);
        committed = result.committed;
        void committed?.then(() => (known = true));
        await manager.transaction(async (nested) => {
          await nested.query('SELECT 1');
        });
        expect([await store.find(request.sagaId), known]).toEqual([null, false]);
        return request.sagaId;
      });
      await (committed as Promise<void> | null);
      expect(await store.find(id)).not.toBeNull();
      const again = await app.transaction((manager) => store.start(begin(manager, 'k')));
      expect(again).toEqual({ kind: 'existing', sagaId: id, state: 'started', purged: false });
    });
  });

  it('leaves nothing behind when that transaction is rolled back, and its promise never resolves', async () => {
    await within(async ({ app, store }) => {
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      const result = await store.start(begin(runner.manager, 'k'));
      if (result.kind !== 'started') throw new Error(result.kind);
      let known = false;
      void result.committed?.then(() => (known = true));
      await runner.rollbackTransaction();
      // The same runner commits something else.
      await runner.startTransaction();
      await runner.commitTransaction();
      await runner.release();
      expect(known).toBe(false);
      expect(await store.list({ limit: 10 })).toEqual([]);
      expect((await app.transaction((manager) => store.start(begin(manager, 'k')))).kind).toBe('started');
    });
  });

  it('makes another start of the same key wait, and that one then finds it', async () => {
    await within(async ({ app, store }) => {
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      const first = begin(runner.manager, 'k');
      await store.start(first);
      const second = new Scenario(store).startWithKey(TWO_STEPS, 'k', 'f');
      // Reports of other sagas do not queue behind it.
      const scenario = new Scenario(store);
      await scenario.perform(await scenario.start(TWO_STEPS), action(0));
      await runner.commitTransaction();
      await runner.release();
      expect(await second).toEqual({ kind: 'existing', sagaId: first.sagaId, state: 'started', purged: false });
    });
  });

  it('makes another start of the same key give up after three seconds', async () => {
    await within(async ({ app, store }) => {
      await app.transaction(async (manager) => {
        await store.start(begin(manager, 'k'));
        const error = await rejection(new Scenario(store).startWithKey(TWO_STEPS, 'k', 'f'));
        expect(error).toBeInstanceOf(SagaBusyError);
      });
    });
  });

  it('is refused without a transaction, and on another database', async () => {
    await within(async ({ app, store }) => {
      expect((await rejection(store.start(begin(app.manager)))).message).toContain('no open transaction');
      expect((await rejection(store.start(begin({} as EntityManager)))).message).toContain('not a TypeORM EntityManager');
      await withApplication(
        async (other) => {
          const error = await rejection(other.transaction((manager) => store.start(begin(manager))));
          expect(error.message).toContain('another database');
        },
        { database: 'template1', url: databaseUrl().replace(/\/[^/]*$/, '/template1') },
      );
      // Another DataSource of the same database will do.
      await withApplication(async (other) => {
        expect((await other.transaction((manager) => store.start(begin(manager)))).kind).toBe('started');
      });
    });
  });
});

describe('an event in the caller’s transaction', () => {
  const event = (id: string): OutboxEvent => {
    return { id, type: 'order.placed', version: 1, aggregate: 'order', key: 'o-1', headers: {}, payload: { id } };
  };
  const take = async (store: SagaStore): Promise<readonly string[]> => {
    const taken = await store.takeEvents({ taker: 'a', limit: 10, maxBytes: 10_000, leaseMs: 60_000 });
    return taken.map(({ id }) => id);
  };

  it('is there when that transaction commits, not before, and says so', async () => {
    await within(async ({ app, store }) => {
      let known = false;
      const { committed } = await app.transaction(async (manager) => {
        const result = await store.addEvent(event('e-1'), manager);
        void result.committed?.then(() => (known = true));
        await manager.transaction((nested) => store.addEvent(event('e-2'), nested));
        expect([await take(store), known]).toEqual([[], false]);
        return result;
      });
      await committed;
      expect(await take(store)).toEqual(['e-1', 'e-2']);
    });
  });

  it('is never there when that transaction is rolled back, and its promise never resolves', async () => {
    await within(async ({ app, store }) => {
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      const { committed } = await store.addEvent(event('e-1'), runner.manager);
      let known = false;
      void committed?.then(() => (known = true));
      await runner.rollbackTransaction();
      // The same runner commits something else.
      await runner.startTransaction();
      await runner.commitTransaction();
      await runner.release();
      expect([await take(store), known]).toEqual([[], false]);
    });
  });

  it('is not there when only its savepoint is rolled back', async () => {
    await within(async ({ app, store }) => {
      await app.transaction(async (manager) => {
        await store.addEvent(event('e-1'), manager);
        const nested = manager.transaction(async (inner) => {
          await store.addEvent(event('e-2'), inner);
          throw new Error('not this part');
        });
        await expect(nested).rejects.toThrow('not this part');
        await store.addEvent(event('e-3'), manager);
      });
      expect(await take(store)).toEqual(['e-1', 'e-3']);
    });
  });

  it('is refused without a transaction, in words that name no other method', async () => {
    await within(async ({ app, store }) => {
      const error = await rejection(store.addEvent(event('e-1'), app.manager));
      expect(error).toBeInstanceOf(SagaManagerError);
      expect(error.message).toContain('no open transaction');
      expect(error.message).not.toContain('start(');
      expect(await take(store)).toEqual([]);
    });
  });

  it('does not keep relays from other events while its transaction is open', async () => {
    await within(async ({ app, store }) => {
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      await store.addEvent(event('e-1'), runner.manager);
      await store.addEvent(event('e-2'));
      expect(await take(store)).toEqual(['e-2']);
      await runner.commitTransaction();
      await runner.release();
      expect(await take(store)).toEqual(['e-1']);
    });
  });
});

describe('a relay', () => {
  it('does not wait for an event that somebody holds', async () => {
    await within(async ({ app, schema, store }) => {
      const names = ['e-1', 'e-2'];
      for (const id of names) await store.addEvent({ id, type: 't', version: 1, aggregate: 't', key: id, headers: {}, payload: null });
      await app.transaction(async (manager) => {
        await manager.query(`SELECT 1 FROM "${schema}".outbox WHERE id = 'e-1' FOR UPDATE`);
        const taken = await store.takeEvents({ taker: 'a', limit: 10, maxBytes: 1_000, leaseMs: 60_000 });
        expect(taken.map(({ id }) => id)).toEqual(['e-2']);
      });
    });
  });

  it('reads a batch by its indexes, however many events wait and though nobody has analysed the table', async () => {
    await within(async ({ app, schema, store }) => {
      await app.query(`ALTER TABLE "${schema}".outbox SET (autovacuum_enabled = false)`);
      await app.query(`INSERT INTO "${schema}".outbox (id, aggregatetype, aggregateid, type, version, payload, headers, payload_bytes)
        SELECT 'e-' || n, 't', 't', 't', 1, '{}', '{}', 2 FROM generate_series(1, 20000) n`);
      const { text, values } = takeEventsStatement(schema, { taker: 'a', limit: 100, maxBytes: 1_000, leaseMs: 60_000 });
      const plan = await app.query<{ readonly 'QUERY PLAN': string }[]>(`EXPLAIN ${text}`, [...values]);
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(lines).not.toMatch(/Seq Scan on outbox/);
      expect(await store.takeEvents({ taker: 'a', limit: 100, maxBytes: 1_000, leaseMs: 60_000 })).toHaveLength(100);
    });
  });
});

describe('under other people’s locks', () => {
  it('a report waits for the saga, and is applied when it is free', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const claim = await scenario.claim(sagaId, action(0));
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      await runner.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [sagaId]);
      expect(await scenario.tryClaim(sagaId, action(0))).toEqual({ kind: 'refused', reason: 'not-claimable' });
      const report = scenario.complete(claim);
      const elsewhere = await scenario.start(TWO_STEPS);
      await scenario.perform(elsewhere, action(0));
      await runner.commitTransaction();
      await runner.release();
      expect((await report).kind).toBe('applied');
    });
  });

  it('a report gives up after three seconds, and nothing was changed', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const claim = await scenario.claim(sagaId, action(0));
      await app.transaction(async (manager) => {
        await manager.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [sagaId]);
        const result = await scenario.complete(claim);
        expect(result).toEqual({ kind: 'failed', error: expect.any(SagaBusyError) });
      });
      expect((await scenario.complete(claim)).kind).toBe('applied');
    });
  });

  it('a claim of a saga that somebody holds is busy', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      await app.transaction(async (manager) => {
        await manager.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [sagaId]);
        expect(await scenario.tryClaim(sagaId, action(0))).toEqual({ kind: 'refused', reason: 'busy' });
      });
    });
  });

  it('a renewed lease is not taken in the slow lane either', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const claim = await scenario.claim(sagaId, action(0));
      const runner = app.createQueryRunner();
      await runner.startTransaction();
      await runner.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [sagaId]);
      const { operation, claimId } = claim;
      const event = { type: 'lease-expired', operation: action(0), fence: operation.fence, claimId, seed: 0 } as const;
      const [result] = await Promise.all([
        scenario.apply(sagaId, event, { graceMs: 1_000 }),
        untilWaiting(app, schema, 'Lock').then(() => runner.commitTransaction()),
      ]);
      await runner.release();
      expect(result).toEqual({ kind: 'ignored', reason: 'lease-renewed', state: 'started' });
    });
  });
});

describe('when a saga changes between the snapshot of a statement and its lock', () => {
  /** The statement, with half a second between what it sees and what it locks. */
  const slowly = ({ text, values }: Statement): Statement => ({
    text: text.replace(/JOIN (seen) ON|FROM \(SELECT \* FROM (seen|wanted) ORDER BY id\)/, (place, joined?: string, read?: string) => {
      const rows = joined ?? read ?? '';
      return place.replace(
        rows,
        `(SELECT ${rows}.* FROM ${rows}, LATERAL (SELECT pg_sleep(0.5) FROM (SELECT ${rows}.id) x) y OFFSET 0) ${rows}`,
      );
    }),
    values,
  });

  it('the claim takes nothing', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const request = { sagaId, operation: action(0), claimId: 'late', worker: 'w', leaseMs: 1_000, planFormat: 1 };
      const { text, values } = slowly(claimStatement(schema, [request]));
      expect(text).toContain('pg_sleep');
      const late = app.query(text, [...values]);
      await untilWaiting(app, schema, 'PgSleep');
      await scenario.claim(sagaId, action(0), { claimId: 'early' });
      expect(await late).toEqual([]);
      expect(await scenario.operation(sagaId, action(0))).toMatchObject({ claimId: 'early', fence: 1, claims: 1 });
    });
  });

  it('a claim whose saga was only looked at meanwhile is taken by the next try', async () => {
    await within(async ({ advance, app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      await advance(RESEND_MS + 1_000);
      const request = { sagaId, operation: action(0), claimId: 'late', worker: 'w', leaseMs: 1_000, planFormat: 1 };
      const { text, values } = slowly(claimStatement(schema, [request]));
      const late = app.query(text, [...values]);
      await untilWaiting(app, schema, 'PgSleep');
      expect((await scenario.sweep()).wakeUps).toHaveLength(1);
      expect(await late).toEqual([]);
      const claim = await scenario.claim(sagaId, action(0));
      expect(claim.operation).toMatchObject({ fence: 1, claims: 1 });
      expect((await store.history(sagaId)).map(({ rev }) => rev)).toEqual([1, 2]);
    });
  });

  it('a report that meets a heartbeat of its own attempt counts, once', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const claim = await scenario.claim(sagaId, action(0));
      let report: Promise<ApplyResult> | undefined;
      await app.transaction(async (beat) => {
        await beat.query(`UPDATE "${schema}".operations SET lease_until = lease_until + interval '1 s' WHERE saga_id = $1 AND step = 0`, [
          sagaId,
        ]);
        report = scenario.complete(claim);
        await untilWaiting(app, schema, 'Lock');
      });
      expect((await report)?.kind).toBe('applied');
      expect((await store.history(sagaId)).map(({ kind }) => kind)).toEqual(['start', 'claim', 'completed']);
    });
  });

  it('a report that meets one under the lock of its saga counts too, once', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      const claim = await scenario.claim(sagaId, action(0));
      let report: Promise<ApplyResult> | undefined;
      await app.transaction(async (beat) => {
        await app.transaction(async (holder) => {
          await holder.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [sagaId]);
          report = scenario.complete(claim);
          await untilBlockedBy(app, holder);
          await beat.query(`UPDATE "${schema}".operations SET lease_until = lease_until + interval '1 s' WHERE saga_id = $1 AND step = 0`, [
            sagaId,
          ]);
        });
        await untilBlockedBy(app, beat);
      });
      expect((await report)?.kind).toBe('applied');
      expect((await store.history(sagaId)).map(({ kind }) => kind)).toEqual(['start', 'claim', 'completed']);
    });
  });

  it('the sweep leaves it for the next one', async () => {
    await within(async ({ advance, app, schema, store }) => {
      const scenario = new Scenario(store);
      const [moved, stays] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
      await advance(RESEND_MS + 1_000);
      const { text, values } = slowly(
        sweepStatement(schema, { limit: 10, graceMs: 0, resendMs: 10 * RESEND_MS, resendMaxMs: 10 * RESEND_MS }),
      );
      expect(text).toContain('pg_sleep');
      const late: Promise<readonly { readonly wake_ups: readonly (readonly string[])[] }[]> = app.query(text, [...values]);
      await untilWaiting(app, schema, 'PgSleep');
      await scenario.perform(moved, action(0));
      expect((await late)[0]?.wake_ups.map(([sagaId]) => sagaId)).toEqual([stays]);
      await advance(RESEND_MS + 1_000);
      // What it saw of the other one would have hidden for long what is due now.
      expect((await scenario.sweep()).wakeUps.map(({ sagaId, key }) => [sagaId, key])).toEqual([[moved, 'do.b']]);
    });
  });

  it('a sweep does not push back what somebody has made due meanwhile', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      // It is looked at for another reason while its wake-up is far away.
      await app.query(`UPDATE "${schema}".operations SET send_at = clock_timestamp() + interval '1 hour' WHERE state = 'started'`);
      await app.query(`UPDATE "${schema}".sagas SET wake_at = clock_timestamp()`);
      const { text, values } = slowly(sweepStatement(schema, { limit: 10, graceMs: 0, resendMs: 1_000, resendMaxMs: 1_000 }));
      const late: Promise<unknown> = app.query(text, [...values]);
      await untilWaiting(app, schema, 'PgSleep');
      await store.rouse(['do.a']);
      await late;
      expect((await scenario.sweep()).wakeUps.map((wakeUp) => wakeUp.sagaId)).toEqual([sagaId]);
    });
  });

  it('of two sweeps only one finds it', async () => {
    await within(async ({ advance, app, schema, store }) => {
      const scenario = new Scenario(store);
      await scenario.start(TWO_STEPS);
      await advance(RESEND_MS + 1_000);
      const { text, values } = slowly(sweepStatement(schema, { limit: 10, graceMs: 0, resendMs: 1_000, resendMaxMs: 1_000 }));
      const late: Promise<readonly { readonly wake_ups: readonly unknown[] }[]> = app.query(text, [...values]);
      await untilWaiting(app, schema, 'PgSleep');
      expect((await scenario.sweep()).wakeUps).toHaveLength(1);
      expect((await late)[0]?.wake_ups).toEqual([]);
    });
  });
});

describe('a sweep', () => {
  it('does not report a lease again before somebody had the time to take it away', async () => {
    await within(async ({ advance, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      await scenario.claim(sagaId, action(0));
      await advance(3_600_000);
      expect((await scenario.sweep()).expired).toHaveLength(1);
      expect((await scenario.sweep()).expired).toHaveLength(0);
      await advance(RESEND_MS + 1_000);
      expect((await scenario.sweep()).expired).toHaveLength(1);
    });
  });
});

/** The first answer to this statement never comes. Answers how many have not. */
function losingTheAnswerTo(store: SagaStore, name: string): () => number {
  const pool = (store as unknown as { pool: EnginePool }).pool;
  const query = pool.query.bind(pool);
  let lost = 0;
  pool.query = async (statement) => {
    const rows = await query(statement);
    if (lost > 0 || statement.name !== name) return rows as never;
    lost++;
    throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  };
  return () => lost;
}

describe('when the connection breaks', () => {
  it('a report is tried again, and is applied once', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      for (let n = 0; n < 5; n++) {
        const sagaId = await scenario.start(plan([step('a')]));
        const claim = await scenario.claim(sagaId, action(0));
        // A trigger of the test ends its own backend in the middle of each statement, until it is dropped.
        await app.query(`CREATE OR REPLACE FUNCTION "${schema}".cut() RETURNS trigger LANGUAGE plpgsql AS $$
          BEGIN PERFORM nextval('"${schema}".cuts'); PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$`);
        await app.query(`CREATE TRIGGER cut AFTER UPDATE ON "${schema}".sagas FOR EACH STATEMENT EXECUTE FUNCTION "${schema}".cut()`);
        await app.query(`CREATE SEQUENCE "${schema}".cuts`);
        const report = scenario.complete(claim);
        // A sequence is not rolled back: it tells that a statement was cut.
        await until(
          async () => (await app.query<{ is_called: boolean }[]>(`SELECT is_called FROM "${schema}".cuts`))[0]?.is_called === true,
        );
        await app.query(`DROP TRIGGER cut ON "${schema}".sagas`);
        await app.query(`DROP SEQUENCE "${schema}".cuts`);
        expect((await report).kind).toBe('applied');
        expect((await scenario.find(sagaId)).saga.rev).toBe(3);
      }
    });
  });

  it('a claim is not lost because its plan could not be read at that moment', async () => {
    await within(async ({ store, another }) => {
      const sagaId = await new Scenario(store).start(TWO_STEPS);
      const elsewhere = await another();
      const pool = (elsewhere as unknown as { pool: EnginePool }).pool;
      const query = pool.query.bind(pool);
      let failures = 0;
      pool.query = async (statement) => {
        if (failures > 0 || !statement.text.includes('.plans WHERE')) return query(statement);
        failures++;
        throw new Error('timeout exceeded when trying to connect');
      };
      const claim = await new Scenario(elsewhere).claim(sagaId, action(0));
      expect([failures, claim.operation.fence]).toEqual([1, 1]);
      expect((await new Scenario(elsewhere).complete(claim)).kind).toBe('applied');
    });
  });

  it('the history tells whose a commit without an answer was', async () => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(plan([step('a')]));
      const claim = await scenario.claim(sagaId, action(0));
      const lost = losingTheAnswerTo(store, 'nest_saga_apply');
      expect((await scenario.complete(claim)).kind).toBe('applied');
      expect(lost()).toBe(1);
      expect((await store.history(sagaId)).map(({ kind }) => kind)).toEqual(['start', 'claim', 'completed']);
      expect((await scenario.complete(claim)).kind).toBe('ignored');
    });
  });

  it.each(['nest_saga_start', 'nest_saga_apply'])('a %s whose answer got lost still says what was claimed with it', async (name) => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const lost = losingTheAnswerTo(store, name);
      const offer = { worker: 'w', leaseMs: LEASE_MS, conditions: [], accepts: () => true };
      const started = await store.start(startRequest(TWO_STEPS, { chain: { ...offer, claimId: 'c-1' } }));
      const first = started.kind === 'started' ? started.chained?.next : undefined;
      if (first === undefined) throw new Error('nothing was claimed with the start');
      const { sagaId } = first;
      const chain = { ...offer, claimId: 'c-2', after: first };
      const result = await scenario.apply(sagaId, completed(first, { done: true }), { basis: first.basis, chain });
      const second = result.kind === 'applied' ? result.next : undefined;
      if (second === undefined) throw new Error('nothing was claimed with the report');
      expect([second.claimId, second.operation.fence, second.input]).toEqual(['c-2', 1, { of: 1 }]);
      expect((await scenario.complete(second)).kind).toBe('applied');
      expect((await store.history(sagaId)).map(({ kind }) => kind)).toEqual(['start', 'claim', 'completed', 'claim', 'completed']);
      expect(lost()).toBe(1);
    });
  });

  it.each([
    ['claim', 'nest_saga_claim', {}],
    ['start', 'nest_saga_start', {}],
    ['keyed start', 'nest_saga_start_keyed', { businessKey: { key: 'k', fingerprint: 'f' } }],
  ])('a %s whose answer got lost is answered all the same', async (_what, name, init) => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const lost = losingTheAnswerTo(store, name);
      const request = startRequest(TWO_STEPS, init);
      expect(await store.start(request)).toEqual({ kind: 'started', committed: null });
      const claim = await scenario.claim(request.sagaId, action(0));
      expect([claim.operation.claims, claim.operation.fence]).toEqual([1, 1]);
      expect((await scenario.complete(claim)).kind).toBe('applied');
      expect(lost()).toBe(1);
    });
  });
});

describe('errors', () => {
  it('of a database that is not there carry no credentials', async () => {
    const app = new DataSource({ type: 'postgres', url: 'postgres://someone:s3cret@127.0.0.1:1/nowhere' });
    const error = await rejection(typeOrmStore({ dataSource: app }).create(NO_CONTAINER).open());
    expect(error.message).toContain('ECONNREFUSED');
    expect(everythingIn(error)).not.toContain('s3cret');
  });

  it('of a statement carry neither its values nor its text', async () => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(plan([step('a')]));
      const claim = await scenario.claim(sagaId, action(0));
      const result = await scenario.complete(claim, { password: 's3cret \u0000' });
      if (result.kind !== 'failed') throw new Error(result.kind);
      expect(result.error.message).toContain('22P05');
      const text = everythingIn(result.error);
      for (const leak of ['s3cret', 'UPDATE', sagaId]) expect(text).not.toContain(leak);
      expect((await scenario.complete(claim, 'fine')).kind).toBe('applied');
    });
  });
});

function everythingIn(error: Error): string {
  const fields = Object.fromEntries(
    Object.getOwnPropertyNames(error).map((name) => [name, (error as unknown as Record<string, unknown>)[name]]),
  );
  return `${String(error)} ${JSON.stringify(fields)} ${error.cause instanceof Error ? everythingIn(error.cause) : ''}`;
}

describe('the end of a saga that ran where it was started', () => {
  it('is told whole, as a read would find it, and only there', async () => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const offer = (): ChainOffer => ({ claimId: randomUUID(), worker: 'w', leaseMs: LEASE_MS, conditions: [], accepts: () => true });
      const endOf = async (isElsewhere: boolean): Promise<ApplyResult> => {
        const started = await store.start(startRequest(TWO_STEPS, { chain: offer() }));
        let claim = started.kind === 'started' ? started.chained?.next : undefined;
        for (let result: ApplyResult | undefined; ;) {
          if (claim === undefined) return result as ApplyResult;
          if (isElsewhere) await scenario.apply(claim.sagaId, { type: 'pause', reason: null, actor: null });
          if (isElsewhere) await scenario.apply(claim.sagaId, { type: 'resume', reason: null, actor: null });
          const chain = { ...offer(), after: claim };
          result = await scenario.apply(claim.sagaId, completed(claim, { of: claim.operation.step }), { basis: claim.basis, chain });
          claim =
            result.kind === 'applied' && result.saga.state === 'started'
              ? (result.next ?? (await scenario.claim(claim.sagaId, action(1))))
              : undefined;
        }
      };
      const here = await endOf(false);
      if (here.kind !== 'applied' || here.ended === undefined) throw new Error('the end is not told');
      expect(here.ended).toEqual(await store.find(here.saga.id));
      expect(here.ended.steps.map(({ output }) => output)).toEqual([{ of: 0 }, { of: 1 }]);
      const elsewhere = await endOf(true);
      expect(elsewhere.kind === 'applied' && [elsewhere.saga.state, elsewhere.ended]).toEqual(['completed', undefined]);
    });
  });
});

describe('speed', () => {
  it('claims and reports update rows in place', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const chain = plan(Array.from({ length: 10 }, (_, n) => step(`s${n}`, { dependsOn: n === 0 ? [] : [n - 1] })));
      for (let n = 0; n < 20; n++) {
        const sagaId = await scenario.start(chain);
        for (let place = 0; place < 10; place++) {
          const claim = await scenario.claim(sagaId, action(place));
          const { operation, claimId } = claim;
          await store.heartbeat([{ sagaId, operation, claimId, fence: operation.fence, leaseMs: 60_000, timedOut: false }]);
          await scenario.complete(claim);
        }
      }
      await store.close();
      await app.query('SELECT pg_sleep(0.1)');
      const rows: { relname: string; updates: number; hot: number }[] = await app.query(
        `SELECT relname, n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE schemaname = $1`,
        [schema],
      );
      for (const table of ['sagas', 'operations']) {
        const { updates, hot } = rows.find(({ relname }) => relname === table) ?? { updates: 0, hot: 0 };
        expect(updates).toBeGreaterThanOrEqual(400);
        expect(hot / updates).toBeGreaterThan(0.85);
      }
    });
  });

  it('set statements reach rows by their keys on tables without statistics', async () => {
    await within(async ({ app, schema, store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(plan([step('a')]));
      const { operation, claimId } = await scenario.claim(sagaId, action(0));
      await app.query(`ALTER TABLE "${schema}".operations SET (autovacuum_enabled = false)`);
      await app.query(`ALTER TABLE "${schema}".sagas SET (autovacuum_enabled = false)`);
      await app.query(
        `INSERT INTO "${schema}".operations (saga_id, direction, step, round, key, state, waits, ord, fence, claims, losses, blamed, attempt_limit, loss_limit, had_unknown, timed_out)
         SELECT 's' || n, 'action', k, 1, 'x', 'pending', 0, 0, 0, 0, 0, 0, 1, 1, false, false FROM generate_series(1, 10000) n, generate_series(0, 2) k`,
      );
      await app.query(
        `INSERT INTO "${schema}".sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, wake_at)
         SELECT 's' || n, 'x', 'started', 1, 'x', 1, 3, 0, now() + interval '1 hour' FROM generate_series(1, 10000) n`,
      );
      const beat = { sagaId, operation, claimId, fence: 1, leaseMs: 1_000, timedOut: false };
      const statements = [
        heartbeatStatement(
          schema,
          Array.from({ length: 100 }, () => beat),
        ),
        sweepStatement(schema, { limit: 100, graceMs: 1, resendMs: 1, resendMaxMs: 1 }),
      ];
      for (const { text, values } of statements) {
        const rows: { 'QUERY PLAN': string }[] = await app.query(`EXPLAIN ${text}`, [...values]);
        const explained = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(explained).not.toMatch(/Seq Scan on (operations|sagas)/);
      }
    });
  });

  it('a wide saga stays linear', async () => {
    await within(async ({ store }) => {
      const scenario = new Scenario(store);
      const width = 1_000;
      const sagaId = await scenario.start(
        plan([
          ...Array.from({ length: width }, (_, n) => step(`s${n}`)),
          step('last', { dependsOn: Array.from({ length: width }, (_, n) => n) }),
        ]),
      );
      const started = performance.now();
      for (let place = 0; place < 100; place++) {
        const claim = await scenario.claim(sagaId, action(place));
        const [result] = await store.apply(
          [{ sagaId, event: completed(claim, null), basis: claim.basis, resendMs: RESEND_MS }],
          transition,
        );
        expect(result?.kind).toBe('applied');
      }
      expect((performance.now() - started) / 100).toBeLessThan(50);
    });
  });

  it.each(['action', 'undo'] as const)(
    'branches that meet at their saga read a part of it again, and not the whole: %s',
    async (direction) => {
      await within(async ({ store }) => {
        const scenario = new Scenario(store);
        const names = Array.from({ length: 20 }, (_, n) => n);
        const wide = plan([...names.map((n) => step(`s${n}`)), step('last', { dependsOn: names })]);
        const sagaId = await scenario.start({ ...wide, undosAtOnce: 20 });
        if (direction === 'undo') {
          for (const place of names) await scenario.perform(sagaId, action(place));
          await scenario.fail(await scenario.claim(sagaId, action(20)));
        }
        const pool = (store as unknown as { pool: EnginePool }).pool;
        const query = pool.query.bind(pool);
        const reads: string[] = [];
        pool.query = async (statement) => {
          if (statement.name?.startsWith('nest_saga_read') === true) reads.push(statement.name);
          return query(statement);
        };
        let claim = await scenario.claim(sagaId, { step: 0, direction, round: 1 });
        for (const place of names.slice(1)) {
          const next = await scenario.claim(sagaId, { step: place, direction, round: 1 }); // the basis of the one before is out of date
          expect((await scenario.complete(claim)).kind).toBe('applied');
          claim = next;
        }
        expect(reads).toEqual(names.slice(1).map(() => 'nest_saga_read_parts'));
      });
    },
  );
});

describe('typeOrmStore()', () => {
  const problems = (options: Parameters<typeof typeOrmStore>[0], found?: unknown): readonly string[] =>
    typeOrmStore(options).problems({
      ...NO_CONTAINER,
      resolve: <T>(token: unknown) => (token === DataSource || token === 'ordersDataSource' ? (found as T) : undefined),
    });

  it('finds the DataSource of the application, by class or by name', () => {
    const app = application();
    expect(problems({}, app)).toEqual([]);
    expect(problems({ dataSource: 'default' }, app)).toEqual([]);
    expect(problems({ dataSource: 'orders' }, app)).toEqual([]);
    expect(problems({ dataSource: app })).toEqual([]);
  });

  it('says what is missing and what to do about it', () => {
    expect(problems({})).toEqual([
      "no TypeORM DataSource: import TypeOrmModule.forRoot({ type: 'postgres', … }) or pass store: typeOrmStore({ dataSource })",
    ]);
    expect(problems({ dataSource: 'billing' })[0]).toContain('no TypeORM DataSource named "billing"');
    expect(problems({ dataSource: { options: { type: 'mysql' } } as unknown as DataSource })[0]).toContain('of type "mysql"');
    expect(problems({ dataSource: application({ extra: { query_timeout: 5_000 } }) })[0]).toContain('leaves its transaction open');
    expect(problems({ schema: 'Saga"; DROP' }, application())[0]).toContain('schema');
    expect(problems({ poolSize: 1 }, application())[0]).toContain('poolSize');
    expect(() => typeOrmStore().create(NO_CONTAINER)).toThrow(SagaConfigurationError);
  });

  it('gives a named instance a schema of its own', () => {
    const { description } = typeOrmStore({ dataSource: application() }).create({ ...NO_CONTAINER, instance: 'Billing-EU' });
    expect(description).toBe('PostgreSQL schema "saga_billing_eu"');
  });

  it('works with READ COMMITTED whatever the default of the database', async () => {
    const schema = freshSchema();
    const app = application({ extra: { options: '-c default_transaction_isolation=serializable' } });
    const store = typeOrmStore({ dataSource: app, schema, autoMigrate: true }).create(NO_CONTAINER);
    await store.open();
    const pool = (store as unknown as { pool: EnginePool }).pool;
    expect(
      await pool.query({
        text: `SELECT current_setting('transaction_isolation') AS is, current_setting('application_name') AS name`,
        values: [],
      }),
    ).toEqual([{ is: 'read committed', name: 'nest-saga' }]);
    await pool.query({ text: `DROP SCHEMA "${schema}" CASCADE`, values: [] });
    await store.close();
  });

  it('loads neither TypeORM nor pg before a store is made', async () => {
    const script = `
      require(process.argv[1]);
      const loaded = Object.keys(require.cache).filter((file) => /node_modules.(typeorm|pg)./.test(file));
      process.stdout.write(String(loaded.length));`;
    const built = await new Promise<string>((resolve) => {
      const typescript = `const fs = require('node:fs'); const swc = require('@swc/core');
        require.extensions['.ts'] = (m, file) => m._compile(swc.transformSync(fs.readFileSync(file, 'utf8'), {
          filename: file, swcrc: false, module: { type: 'commonjs' }, jsc: { target: 'es2022', parser: { syntax: 'typescript', decorators: true } } }).code, file);`;
      execFile(process.execPath, ['-e', `${typescript}${script}`, require.resolve('../../lib/adapters/typeorm')], (error, stdout, stderr) =>
        resolve(error === null ? stdout : stderr),
      );
    });
    expect(built).toBe('0');
  });
});

describe('a network that falls silent', () => {
  const one: Statement = { text: 'SELECT 1 AS one', values: [] };

  async function overWire(use: (pool: EnginePool, wire: Proxy) => Promise<void>): Promise<void> {
    const wire = await Proxy.for(databaseUrl()).reserve();
    await wire.plugIn();
    const { username, password, pathname } = new URL(databaseUrl());
    const url = `postgres://${username}:${password}@127.0.0.1:${wire.port}${pathname}`;
    const pool = new EnginePool({ application: { type: 'postgres', url }, poolSize: 2, namedStatements: true, answerMs: 200 });
    await pool.open();
    try {
      await use(pool, wire);
    } finally {
      await pool.close();
      await wire.plugOut();
    }
  }

  it('costs a statement its answer after a while, and the next one has a connection that works', async () => {
    await overWire(async (pool, wire) => {
      expect(await pool.query(one)).toEqual([{ one: 1 }]);
      wire.blackhole();
      const error = await rejection(pool.query(one));
      expect(error.message).toContain('no answer within 200 ms');
      wire.pass();
      expect(await pool.query(one)).toEqual([{ one: 1 }]);
    });
  });

  it('costs a transaction its answer as well, wherever it was', async () => {
    await overWire(async (pool, wire) => {
      const error = await rejection(
        pool.transaction(async (sql) => {
          await sql.query(one);
          wire.blackhole();
          await sql.query(one);
        }),
      );
      expect(error.message).toContain('no answer within 200 ms');
      wire.pass();
      const atCommit = await rejection(pool.transaction(async () => wire.blackhole()));
      expect(atCommit.message).toContain('no answer within 200 ms');
      wire.pass();
      expect(await pool.transaction((sql) => sql.query(one))).toEqual([{ one: 1 }]);
    });
  });
});

describe('a statement that was given up', () => {
  it('does not stay behind in the server: a lock that is held for long must not use up its connections', async () => {
    await withApplication(async (app) => {
      const name = freshSchema();
      await app.query(`CREATE TABLE ${name} ()`);
      const options = { type: 'postgres', url: databaseUrl(), applicationName: name } as const;
      const pool = new EnginePool({ application: options, poolSize: 2, namedStatements: true, answerMs: 200 });
      await pool.open();
      const locker = app.createQueryRunner();
      try {
        await locker.startTransaction();
        await locker.query(`LOCK TABLE ${name}`);
        const asks = Array.from({ length: 6 }, () => rejection(pool.query({ text: `SELECT 1 FROM ${name}`, values: [] })));
        for (const { message } of await Promise.all(asks)) expect(message).toContain('no answer within 200 ms');
        await until(async () => {
          const waiting = `SELECT 1 FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'`;
          return (await app.query<unknown[]>(waiting, [`${name} nest-saga`])).length === 0;
        });
      } finally {
        await locker.rollbackTransaction();
        await locker.release();
        await pool.close();
        await app.query(`DROP TABLE ${name}`);
      }
    });
  });
});
