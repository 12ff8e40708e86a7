import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inMemoryStore, inProcessTransport, SagaConfigurationError, SagaModule, SagaStep, StepError } from 'nest-saga';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { until } from './order-sample/until';
import { closeApps } from './saga-app';
import { BOOK, BOOK_THEN_FAIL, ledgerApp, type LedgerApp } from './transactional-app';

afterEach(closeApps);

async function ended(app: LedgerApp, steps = BOOK as Parameters<LedgerApp['sagas']['start']>[1]) {
  const { id } = await app.sagas.start('s', steps as never);
  return app.sagas.waitFor(id);
}

describe('A transactional step', () => {
  it('commits what it wrote together with its outcome', async () => {
    const app = await ledgerApp();
    let seenOutside: unknown;
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      seenOutside = await app.rows();
      return 'booked';
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({ state: 'completed', steps: [{ status: 'completed', output: 'booked' }] });
    expect(seenOutside).toEqual([]);
    expect(await app.rows()).toEqual([{ key: `${saga.id}:book:action`, amount: 1 }]);
    const [same] = await app.database.query<{ same: boolean }[]>(
      `SELECT l.xmin = h.xmin AS same FROM ${app.ledger.table} l, "${app.namespace}".history h WHERE h.saga_id = $1 AND h.kind = 'completed'`,
      [saga.id],
    );
    expect(same).toEqual({ same: true });
  });

  it('leaves no row when its handler throws, and is not undone', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      // Of any other handler this would leave the outcome unknown.
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({ state: 'failed', steps: [{ status: 'failed', error: { code: 'ECONNRESET' } }] });
    expect(await app.rows()).toEqual([]);
    expect(app.ledger.undone).toEqual([]);
  });

  it('is undone by a transactional compensation, once, when the saga fails', async () => {
    const app = await ledgerApp();
    let first = true;
    app.ledger.undo = async (ctx) => {
      await app.ledger.book(ctx, -1);
      if (first) {
        first = false;
        throw new Error('not yet');
      }
    };
    const saga = await ended(app, BOOK_THEN_FAIL);
    expect(saga.state).toBe('compensated');
    expect(app.ledger.undone).toEqual([
      { output: 'booked', outcome: 'completed' },
      { output: 'booked', outcome: 'completed' },
    ]);
    expect((await app.rows()).map(({ amount }) => amount)).toEqual([1, -1]);
  });

  it('is tried again as its policy says, and takes effect once', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      if (ctx.attempt < 3) throw new StepError({ message: 'again', retryable: true, retryAfterMs: 1 });
      return ctx.attempt;
    };
    expect(await ended(app)).toMatchObject({ state: 'completed', steps: [{ output: 3 }] });
    expect(await app.rows()).toHaveLength(1);
  });

  it('has nested transactions and starts of other sagas in its transaction', async () => {
    const app = await ledgerApp();
    let child = '';
    app.ledger.work = async ({ manager, saga }) => {
      await app.ledger.book({ manager, idempotencyKey: 'outer' });
      await manager.transaction((inner) => app.ledger.book({ manager: inner, idempotencyKey: 'kept' }));
      await expect(
        manager.transaction(async (inner) => {
          await app.ledger.book({ manager: inner, idempotencyKey: 'dropped' });
          await inner.query('SELECT 1/0');
        }),
      ).rejects.toThrow('division by zero');
      child = (await app.sagas.start('child', [{ name: 'plain', action: 'plain' }], {}, { businessKey: saga.id, manager })).id;
      expect(await app.sagas.list({})).toHaveLength(1);
    };
    const { state } = await ended(app);
    expect(state).toBe('completed');
    expect((await app.rows()).map(({ key }) => key)).toEqual(['outer', 'kept']);
    expect(await app.sagas.waitFor(child)).toMatchObject({ state: 'completed', steps: [{ output: { hasManager: false } }] });
  });

  it('starts no other saga when its transaction is rolled back', async () => {
    const app = await ledgerApp();
    app.ledger.work = async ({ manager }) => {
      await app.sagas.start('child', [{ name: 'plain', action: 'plain' }], {}, { manager });
      throw new Error('no');
    };
    await ended(app);
    expect(await app.sagas.list({ name: 'child' })).toEqual([]);
  });

  it('fails, and takes no effect, when its output cannot be stored', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      return { total: 10n };
    };
    expect(await ended(app)).toMatchObject({ state: 'failed', steps: [{ error: { code: 'SAGA_OUTPUT' } }] });
    expect(await app.rows()).toEqual([]);
  });

  it('fails when a constraint says so at the very end', async () => {
    const app = await ledgerApp();
    await app.database.query(`ALTER TABLE ${app.ledger.table} ADD UNIQUE (key) DEFERRABLE INITIALLY DEFERRED`);
    app.ledger.work = async ({ manager }) => {
      await app.ledger.book({ manager, idempotencyKey: 'same' });
      await app.ledger.book({ manager, idempotencyKey: 'same' });
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({ state: 'failed', steps: [{ error: { message: expect.stringContaining('23505') } }] });
    expect(await app.rows()).toEqual([]);
  });

  it('ends at its timeout without an effect, and late statements of it are refused', async () => {
    const app = await ledgerApp();
    let go: () => void = () => undefined;
    const late = new Promise<unknown>((resolve) => {
      app.ledger.work = async (ctx) => {
        await app.ledger.book(ctx);
        await new Promise<void>((aborted) => (go = aborted));
        resolve(await app.ledger.book(ctx).catch((error: unknown) => error));
      };
    });
    const saga = await ended(app, [{ name: 'book', action: 'ledger.book', timeoutMs: 100 }]);
    expect(saga).toMatchObject({ state: 'failed', steps: [{ error: { code: 'STEP_TIMEOUT' } }] });
    go();
    expect(await late).toMatchObject({ code: 'SAGA_TRANSACTION', message: expect.stringContaining('given up') });
    expect(await app.rows()).toEqual([]);
    expect(app.ledger.undone).toEqual([]);
    // Nothing is left of it: the connection is gone, and so are its locks.
    await app.database.query(`LOCK TABLE ${app.ledger.table}`).catch(() => undefined);
    expect(await app.database.query(`TRUNCATE ${app.ledger.table}`)).toEqual([]);
  });

  it('is given back, not failed, when its process shuts down', async () => {
    const app = await ledgerApp();
    const began = new Promise<void>((resolve) => {
      app.ledger.work = async (ctx) => {
        await app.ledger.book(ctx);
        resolve();
        await once(ctx.signal, 'abort');
        throw new Error('interrupted');
      };
    });
    const { id } = await app.sagas.start('s', BOOK);
    await began;
    await app.close();
    const next = await ledgerApp({ namespace: app.namespace });
    expect(await next.sagas.waitFor(id)).toMatchObject({ state: 'completed' });
    expect(await next.rows()).toHaveLength(1);
    expect((await next.sagas.history(id)).map(({ kind, attempt }) => [kind, attempt])).toEqual([
      ['start', null],
      ['claim', 1],
      ['released', 0],
      ['claim', 1],
      ['completed', 1],
    ]);
  });
});

describe('What a transactional handler must not do', () => {
  it('is to swallow an SQL error: the step fails and names it', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      await ctx.manager.query(`SELECT 'secret'::int`).catch(() => undefined);
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({
      state: 'failed',
      steps: [{ error: { code: 'SAGA_TRANSACTION', message: expect.stringMatching(/swallowed.*22P02/) } }],
    });
    expect(saga.steps[0]?.error?.message).not.toContain('secret');
    expect(await app.rows()).toEqual([]);
    expect(app.ledger.undone).toEqual([]);
  });

  it('is to forget an await: the step fails and the process lives', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      void app.ledger.book(ctx);
      void ctx.manager.query('SELECT pg_sleep(30)');
      void ctx.manager.query('SELECT 1/0');
      return 'too early';
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({
      state: 'failed',
      steps: [
        { error: { code: 'SAGA_TRANSACTION', message: expect.stringMatching(/3 statements were still running .* await is missing/) } },
      ],
    });
    expect(await app.rows()).toEqual([]);
  });

  it('is to leave a nested transaction open', async () => {
    const app = await ledgerApp();
    let go: () => void = () => undefined;
    app.ledger.work = async (ctx) => {
      const inside = new Promise<void>((resolve) => {
        void ctx.manager.transaction(async (inner) => {
          await app.ledger.book({ manager: inner, idempotencyKey: 'inner' });
          resolve();
          await new Promise<void>((resolve) => (go = resolve));
        });
      });
      await inside;
    };
    const saga = await ended(app);
    expect(saga.steps[0]?.error).toMatchObject({
      code: 'SAGA_TRANSACTION',
      message: expect.stringContaining('manager.transaction() had not ended'),
    });
    go();
    await app.signal('engine.trouble', ({ error }) => error.message.includes('after the handler had returned'));
    expect(await app.rows()).toEqual([]);
  });

  it('is to write after it has returned: what comes too late is refused, said aloud, and ends no process', async () => {
    const app = await ledgerApp();
    let go: () => void = () => undefined;
    app.ledger.work = (ctx) => {
      void new Promise<void>((resolve) => (go = resolve)).then(() => app.ledger.book(ctx));
      return 'returned';
    };
    expect((await ended(app)).state).toBe('completed');
    go();
    await app.signal('engine.trouble', ({ error }) => error.message.includes('was begun after the handler had returned, and was not run'));
    expect(await app.rows()).toEqual([]);
  });

  it.each([
    ['queryRunner.commitTransaction()', (m: LedgerManager) => m.queryRunner?.commitTransaction()],
    ['queryRunner.rollbackTransaction()', (m: LedgerManager) => m.queryRunner?.rollbackTransaction()],
    ['queryRunner.release()', (m: LedgerManager) => m.queryRunner?.release()],
    ['COMMIT', (m: LedgerManager) => m.query('COMMIT')],
    ['ROLLBACK', (m: LedgerManager) => m.query('/* */ rollback')],
    ['END', (m: LedgerManager) => m.query('SELECT 1; END')],
    ['ABORT', (m: LedgerManager) => m.query('abort')],
    ['BEGIN', (m: LedgerManager) => m.query('begin')],
    ['PREPARE TRANSACTION', (m: LedgerManager) => m.query(`PREPARE TRANSACTION 'x'`)],
  ])('is %s, which is refused before it reaches the server', async (what, end) => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      await Promise.resolve(end(ctx.manager)).catch(() => undefined);
    };
    expect(await ended(app)).toMatchObject({
      state: 'failed',
      steps: [{ error: { code: 'SAGA_TRANSACTION', message: expect.stringContaining(`${what} was refused`) } }],
    });
    expect(await app.rows()).toEqual([]);
    expect(app.ledger.runs).toBe(1);
  });

  it.each([
    ['returned', ''],
    ['threw', 'after all'],
  ])('is to commit behind the back of its manager: the step is unknown and undone when it %s', async (_how, message) => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      const client = (await ctx.manager.queryRunner?.connect()) as { query(sql: string): Promise<unknown> };
      await client.query('COMMIT');
      if (message !== '') throw new Error(message);
    };
    const saga = await ended(app);
    expect(saga).toMatchObject({
      state: 'compensated',
      steps: [{ error: { code: 'SAGA_TRANSACTION', message: expect.stringContaining('ended its transaction itself') } }],
    });
    expect(app.ledger.undone).toEqual([{ output: undefined, outcome: 'unknown' }]);
    expect((await app.rows()).map(({ amount }) => amount)).toEqual([1, -1]);
  });

  it('is to do so and begin another transaction', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      const client = (await ctx.manager.queryRunner?.connect()) as { query(sql: string): Promise<unknown> };
      await client.query('COMMIT AND CHAIN');
      await app.ledger.book(ctx);
    };
    expect((await ended(app)).state).toBe('compensated');
    expect((await app.rows()).map(({ amount }) => amount)).toEqual([1, -1]);
  });
});

type LedgerManager = Parameters<LedgerApp['ledger']['work']>[0]['manager'];

describe('Transactional steps that meet others', () => {
  it('run again when PostgreSQL rolls them back for the sake of another, within one attempt', async () => {
    const app = await ledgerApp();
    await app.database.query(`INSERT INTO ${app.ledger.table} (key, amount) VALUES ('balance', 100)`);
    let conflicts = 2;
    app.ledger.work = async ({ manager, attempt }) => {
      const [row] = await manager.query<{ amount: number }[]>(`SELECT amount FROM ${app.ledger.table} WHERE key = 'balance'`);
      if (conflicts-- > 0) await app.database.query(`UPDATE ${app.ledger.table} SET amount = amount - 1 WHERE key = 'balance'`);
      await manager.query(`UPDATE ${app.ledger.table} SET amount = $1 WHERE key = 'balance'`, [(row?.amount ?? NaN) - 10]);
      return attempt;
    };
    const saga = await ended(app, [{ name: 'serial', action: 'ledger.serial' }]);
    expect(saga).toMatchObject({ state: 'completed', steps: [{ output: 1 }] });
    expect(app.ledger.runs).toBe(3);
    expect(await app.rows()).toEqual([{ key: 'balance', amount: 88 }]);
  });

  it('lose no update under SERIALIZABLE, however many there are', async () => {
    const app = await ledgerApp();
    await app.database.query(`INSERT INTO ${app.ledger.table} (key, amount) VALUES ('balance', 0)`);
    app.ledger.work = async ({ manager }) => {
      const [row] = await manager.query<{ amount: number }[]>(`SELECT amount FROM ${app.ledger.table} WHERE key = 'balance'`);
      await manager.query(`UPDATE ${app.ledger.table} SET amount = $1 WHERE key = 'balance'`, [(row?.amount ?? NaN) + 1]);
    };
    const started = await Promise.all(Array.from({ length: 8 }, () => app.sagas.start('s', [{ name: 'serial', action: 'ledger.serial' }])));
    const states = await Promise.all(started.map(async ({ id }) => (await app.sagas.waitFor(id)).state));
    expect(new Set(states)).toEqual(new Set(['completed']));
    expect(await app.rows()).toEqual([{ key: 'balance', amount: 8 }]);
  });

  it('under SERIALIZABLE outlive several heartbeats without a conflict', async () => {
    const app = await ledgerApp();
    const asleep = `SELECT pg_sleep(2)`; // longer than the lease
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      await ctx.manager.query(asleep);
    };
    expect((await ended(app, [{ name: 'serial', action: 'ledger.serial' }])).state).toBe('completed');
    expect(app.ledger.runs).toBe(1);
    expect(await app.rows()).toHaveLength(1);
  });

  it('run once though a heartbeat is about to commit when they end', async () => {
    const app = await ledgerApp();
    const operations = `"${app.namespace}".operations`;
    // A heartbeat changes nothing but the lease of what runs. It takes its time to commit.
    await app.database.query(
      `CREATE FUNCTION "${app.namespace}".doze() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END';
       CREATE CONSTRAINT TRIGGER doze AFTER UPDATE ON ${operations} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
         WHEN (OLD.state = 'running' AND NEW.state = 'running' AND OLD.fence = NEW.fence) EXECUTE FUNCTION "${app.namespace}".doze()`,
    );
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      const dozes = `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND position($1 in query) > 0`;
      await until('a heartbeat that is about to commit', async () => (await app.database.query<unknown[]>(dozes, [operations]))[0]);
    };
    expect((await ended(app)).state).toBe('completed');
    expect(app.ledger.runs).toBe(1);
    expect(await app.rows()).toHaveLength(1);
  });

  it('and branches of one saga beside each other each commit once', async () => {
    const app = await ledgerApp();
    const branches = Array.from({ length: 4 }, (_, n) => ({ name: `b${n}`, action: 'ledger.book' }));
    const saga = await ended(app, [branches] as never);
    expect(saga.state).toBe('completed');
    expect(new Set((await app.rows()).map(({ key }) => key)).size).toBe(4);
    expect(await app.rows()).toHaveLength(4);
  });

  it('complete when the saga turned back meanwhile, and are undone then', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      await app.sagas.compensate(ctx.saga.id);
      return ctx.signal.aborted;
    };
    expect((await ended(app)).state).toBe('compensated');
    expect(app.ledger.undone).toEqual([{ output: true, outcome: 'completed' }]);
    expect((await app.rows()).map(({ amount }) => amount)).toEqual([1, -1]);
  });
});

describe('A transactional step whose database fails it', () => {
  it('runs again when its connection breaks, without an attempt being counted', async () => {
    const app = await ledgerApp();
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      const [backend] = await ctx.manager.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      if (app.ledger.runs === 1) await app.database.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
      await ctx.manager.query('SELECT 1');
      return ctx.attempt;
    };
    expect(await ended(app)).toMatchObject({ state: 'completed', steps: [{ output: 1 }] });
    expect(app.ledger.runs).toBe(2);
    expect(await app.rows()).toHaveLength(1);
    expect(app.signals.filter(({ type }) => type === 'operation.failed')).toMatchObject([{ code: 'SAGA_DATABASE', willRetry: true }]);
  });

  it('asks its row when no answer comes to the COMMIT, and runs again if that was lost', async () => {
    const app = await ledgerApp();
    const s = `"${app.namespace}"`;
    // Ends the backend while it commits, once.
    await app.database.query(`CREATE SEQUENCE ${s}.deaths;
      CREATE FUNCTION ${s}.die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF nextval('${s}.deaths') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10); END IF; RETURN NULL; END $$;
      CREATE CONSTRAINT TRIGGER die AFTER INSERT ON ${app.ledger.table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${s}.die()`);
    const saga = await ended(app);
    expect(saga.state).toBe('completed');
    expect(app.ledger.runs).toBe(2);
    expect(await app.rows()).toHaveLength(1);
    expect((await app.sagas.history(saga.id)).map(({ kind }) => kind)).toEqual(['start', 'claim', 'lost', 'claim', 'completed']);
  });

  it('waits for a connection of the pool no longer than for its outcome, and tries again', async () => {
    const app = await ledgerApp();
    const taken = Array.from({ length: 4 }, () => app.database.createQueryRunner());
    await Promise.all(taken.map((runner) => runner.connect()));
    const { id } = await app.sagas.start('s', [{ name: 'book', action: 'ledger.book', timeoutMs: 50 }]);
    expect(await app.signal('operation.failed')).toMatchObject({
      message: expect.stringContaining('pool gave no connection'),
      willRetry: true,
    });
    await Promise.all(taken.map((runner) => runner.release()));
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
    expect(await app.rows()).toHaveLength(1);
    expect(app.ledger.runs).toBe(1);
  });

  it('does not wait for its process to be idle when its connection broke twice, because no process died', async () => {
    const app = await ledgerApp();
    let release: () => void = () => undefined;
    const neighbour = new Promise<void>((resolve) => (release = resolve));
    app.ledger.work = async (ctx) => {
      if (ctx.saga.name === 'neighbour') return neighbour;
      const [backend] = await ctx.manager.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      if (app.ledger.runs <= 3) await app.database.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
      return app.ledger.book(ctx);
    };
    const { id } = await app.sagas.start('neighbour', BOOK);
    await app.signal('operation.claimed', ({ sagaId }) => sagaId === id);
    expect((await ended(app)).state).toBe('completed');
    expect(app.ledger.runs).toBe(4);
    release();
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
  });

  it('is failed, never unknown, when that goes on and on', async () => {
    const app = await ledgerApp({ options: { defaults: { infrastructureBudget: 2 } } });
    app.ledger.work = async (ctx) => {
      await app.ledger.book(ctx);
      const [backend] = await ctx.manager.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
      await app.database.query('SELECT pg_terminate_backend($1)', [backend?.pid]);
      await ctx.manager.query('SELECT 1');
    };
    expect(await ended(app)).toMatchObject({ state: 'failed', steps: [{ status: 'failed', error: { code: 'SAGA_DATABASE' } }] });
    expect(app.ledger.undone).toEqual([]);
    expect(await app.rows()).toEqual([]);
  });

  it('runs with the rights and the parsers it has, and leaves its outcome to those of the engine', async () => {
    const app = await ledgerApp();
    const role = `reader_${app.namespace}`;
    await app.database.query(
      `CREATE ROLE ${role}; GRANT USAGE ON SCHEMA "${app.namespace}" TO ${role}; GRANT SELECT ON ${app.ledger.table} TO ${role}`,
    );
    try {
      app.ledger.work = async (ctx) => {
        await app.ledger.book(ctx);
        await ctx.manager.query(`SET LOCAL ROLE ${role}`);
        await ctx.manager.query(`SET LOCAL search_path = nowhere; SET LOCAL statement_timeout = 1`);
        return ctx.manager.query('SELECT current_user AS role');
      };
      expect(await ended(app)).toMatchObject({ state: 'completed', steps: [{ output: [{ role }] }] });
    } finally {
      await app.database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });
});

describe('At boot', () => {
  it('a transactional handler on a store without transactions is refused', async () => {
    @Injectable()
    class Books {
      @SagaStep('book', { transactional: true }) book(): void {}
    }
    const testing = Test.createTestingModule({
      imports: [SagaModule.forRoot({ store: inMemoryStore(), transport: inProcessTransport() })],
      providers: [Books],
    });
    testing.setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined });
    const context = await testing.compile();
    const refused = await context.init().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SagaConfigurationError);
    expect((refused as SagaConfigurationError).problems).toEqual([
      expect.stringMatching(/^Books\.book is transactional.*use store: typeOrmStore\(\)/),
    ]);
  });

  it('an isolation without a transaction, or one that does not exist, is refused', async () => {
    @Injectable()
    class Books {
      @SagaStep('a', { isolation: 'SERIALIZABLE' }) a(): void {}
      @SagaStep('b', { transactional: true, isolation: 'SNAPSHOT' as never }) b(): void {}
      @SagaStep('c', { transactional: 'yes' as never }) c(): void {}
    }
    const testing = Test.createTestingModule({
      imports: [SagaModule.forRoot({ store: inMemoryStore(), transport: inProcessTransport() })],
      providers: [Books],
    });
    testing.setLogger({ log: () => undefined, warn: () => undefined, error: () => undefined });
    const context = await testing.compile();
    const refused = (await context.init().catch((error: unknown) => error)) as SagaConfigurationError;
    expect(refused.problems).toEqual([
      expect.stringContaining('add transactional: true'),
      expect.stringContaining("isolation must be one of 'REPEATABLE READ', 'SERIALIZABLE'"),
      expect.stringContaining('transactional must be true or false'),
    ]);
  });
});
