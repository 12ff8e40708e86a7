// Group commit on PostgreSQL: what comes while a commit is under way shares the next one, and nobody pays for a neighbour.
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { applyStatement } from '../../lib/adapters/typeorm/apply.statement';
import { linkOf } from '../../lib/adapters/typeorm/chain-link';
import { claimStatement } from '../../lib/adapters/typeorm/claim.statement';
import type { EnginePool } from '../../lib/adapters/typeorm/engine.pool';
import { encoded, type EncodedMove } from '../../lib/adapters/typeorm/move';
import type { Statement } from '../../lib/adapters/typeorm/sql';
import { encodedStart, plannedStart, startStatement } from '../../lib/adapters/typeorm/start.statement';
import { chain } from '../../lib/core/chain';
import { PLAN_FORMAT } from '../../lib/core/plan';
import { transition } from '../../lib/core/transition';
import type { Claim } from '../../lib/ports/claim';
import type { SagaStore } from '../../lib/ports/saga-store';
import { action, completed, plan, RESEND_MS, Scenario, startRequest, step, TWO_STEPS } from '../../lib/testing/store-contract.scenario';
import { postgresFixture, type PostgresFixture } from './typeorm-store.fixture';

const MANY = Array.from({ length: 30 }, (_, place) => place);

const WIDE = plan([...MANY.map((place) => step(`s${place}`)), step('last', { dependsOn: MANY })]);

async function within<T>(keep: (fixture: PostgresFixture & { readonly scenario: Scenario }) => Promise<T>): Promise<T> {
  const fixture = await postgresFixture();
  try {
    return await keep({ ...fixture, scenario: new Scenario(fixture.store) });
  } finally {
    await fixture.dispose();
  }
}

async function all<T>(make: (place: number) => Promise<T>): Promise<readonly T[]> {
  return Promise.all(MANY.map(make));
}

/** Every statement that the store has sent since. */
function statementsOf(store: SagaStore): Statement[] {
  const pool = (store as unknown as { pool: EnginePool }).pool;
  const query = pool.query.bind(pool);
  const statements: Statement[] = [];
  pool.query = async (statement) => {
    statements.push(statement);
    return query(statement);
  };
  return statements;
}

describe('what comes in one turn', () => {
  it('shares a commit: starts, claims and reports of many sagas take one statement each', async () => {
    await within(async ({ store, scenario }) => {
      await scenario.start(TWO_STEPS); // its plan is stored
      const statements = statementsOf(store);
      const ids = await all(async () => scenario.start(TWO_STEPS));
      expect(statements.splice(0)).toHaveLength(1);
      const claims = await all(async (place) => scenario.claim(ids[place] as string, action(0)));
      expect(statements.splice(0)).toHaveLength(1);
      const results = await all(async (place) => scenario.complete(claims[place] as Claim));
      expect(statements.splice(0)).toHaveLength(1);
      expect(new Set(results.map(({ kind }) => kind))).toEqual(new Set(['applied']));
    });
  });

  it('shares a commit where it is of one saga too: what waits for its turn has it together', async () => {
    await within(async ({ scenario, store }) => {
      const id = await scenario.start(WIDE);
      const statements = statementsOf(store);
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      const results = await all(async (place) => scenario.complete(claims[place] as Claim, { place }));
      // The first of each goes at once, all others together. What they are decided from is read once.
      expect(statements.map(({ name }) => name)).toEqual([
        'nest_saga_claim',
        'nest_saga_claim_set',
        ...['nest_saga_apply', 'nest_saga_read_parts', 'nest_saga_apply'],
        ...['nest_saga_read_parts_set', 'nest_saga_apply'],
      ]);
      expect(results.map((result) => result.kind === 'applied' && result.saga.rev)).toEqual(MANY.map((place) => place + 32));
      const history = await store.history(id);
      expect(history.map(({ rev, kind }) => [rev, kind])).toEqual([
        [1, 'start'],
        ...MANY.map((place) => [place + 2, 'claim']),
        ...MANY.map((place) => [place + 32, 'completed']),
      ]);
      expect((await scenario.operation(id, action(30))).state).toBe('started');
      expect((await scenario.find(id)).steps.slice(0, 30).map(({ output }) => output)).toEqual(MANY.map((place) => ({ place })));
    });
  });

  it('of one saga is claimed together again when somebody else held it meanwhile', async () => {
    await within(async ({ app, schema, scenario, store }) => {
      const id = await scenario.start(WIDE);
      const pool = (store as unknown as { pool: EnginePool }).pool;
      const query = pool.query.bind(pool);
      let held = false;
      const names: (string | undefined)[] = [];
      pool.query = async (statement) => {
        names.push(statement.name);
        if (held || statement.name !== 'nest_saga_claim_set') return query(statement);
        held = true;
        return app.transaction(async (manager) => {
          await manager.query(`SELECT 1 FROM "${schema}".sagas WHERE id = $1 FOR UPDATE`, [id]);
          return query(statement) as never;
        });
      };
      await all(async (place) => scenario.claim(id, action(place)));
      expect(names).toEqual(['nest_saga_claim', 'nest_saga_claim_set', 'nest_saga_refused', 'nest_saga_claim_set']);
    });
  });

  it('is divided where it is of one saga and large: no statement carries more than a batch may', async () => {
    await within(async ({ scenario, store }) => {
      const id = await scenario.start(WIDE);
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      const statements = statementsOf(store);
      const text = 'x'.repeat(250_000);
      const results = await all(async (place) => scenario.complete(claims[place] as Claim, { place, text }));
      expect(results.map((result) => result.kind === 'applied' && result.saga.rev)).toEqual(MANY.map((place) => place + 32));
      const applied = statements.filter(({ name }) => name === 'nest_saga_apply');
      expect(Math.max(...applied.map(({ values }) => String(values[1]).length))).toBeLessThan(4 * 1024 * 1024);
      expect(applied.length).toBeLessThan(10);
    });
  });

  it('is claimed once when it is the same operation', async () => {
    await within(async ({ scenario }) => {
      const id = await scenario.start(WIDE);
      const results = await all(async (place) => scenario.tryClaim(id, action(place % 10)));
      expect(results.map((result) => (result.kind === 'refused' ? result.reason : 'claimed'))).toEqual(
        MANY.map((place) => (place < 10 ? 'claimed' : 'not-claimable')),
      );
      const { saga } = await scenario.find(id);
      expect(saga.rev).toBe(11);
      expect(MANY.map((place) => saga.operations.get(`action:${place}:1`)?.fence)).toEqual(MANY.map((place) => (place < 10 ? 1 : 0)));
    });
  });

  it('is not asked for twice when somebody else has it', async () => {
    await within(async ({ scenario, another }) => {
      const id = await scenario.start(WIDE);
      await all(async (place) => place > 9 && scenario.claim(id, action(place)));
      const other = new Scenario(await another());
      const statements = statementsOf(other.store);
      const results = await all(async (place) => other.tryClaim(id, action(29 - place)));
      expect(results.map((result) => (result.kind === 'refused' ? result.reason : 'claimed'))).toEqual(
        MANY.map((place) => (place < 20 ? 'not-claimable' : 'claimed')),
      );
      expect(statements.filter(({ name }) => name?.startsWith('nest_saga_claim')).map(({ name }) => name)).toEqual([
        'nest_saga_claim',
        'nest_saga_claim_set',
      ]);
      expect((await scenario.find(id)).saga.rev).toBe(31);
    });
  });

  it('of one business key goes first alone, and the others find its saga together', async () => {
    await within(async ({ scenario, store }) => {
      await scenario.start(TWO_STEPS); // its plan is stored
      const statements = statementsOf(store);
      const results = await all(async () => scenario.startWithKey(TWO_STEPS, 'same', 'f'));
      expect(results.map(({ kind }) => kind)).toEqual(['started', ...MANY.slice(1).map(() => 'existing')]);
      expect(statements.map(({ name }) => name)).toEqual(['nest_saga_start_keyed', 'nest_saga_start_keyed_set']);
    });
  });

  it('of one business key finds out who is next when the first is refused', async () => {
    await within(async ({ scenario, store }) => {
      const context = { text: '\u0000' };
      const results = await all(async (place) => {
        const given = place === 0 ? { context } : {};
        const request = startRequest(TWO_STEPS, { ...given, businessKey: { key: 'same', fingerprint: 'f' } });
        return store.start(request).then(
          ({ kind }) => kind,
          () => 'refused',
        );
      });
      expect(results[0]).toBe('refused');
      expect(results.slice(1).sort()).toEqual([...MANY.slice(2).map(() => 'existing'), 'started']);
      expect(await scenario.startWithKey(TWO_STEPS, 'same', 'f')).toMatchObject({ kind: 'existing' });
    });
  });

  it('of one business key starts one saga', async () => {
    await within(async ({ scenario }) => {
      const results = await all(async (place) => scenario.startWithKey(TWO_STEPS, `k${place % 3}`, 'f'));
      expect(results.filter(({ kind }) => kind === 'started')).toHaveLength(3);
      expect(results.filter(({ kind }) => kind === 'existing')).toHaveLength(27);
    });
  });
});

/** Whether it applies so many events, the end of this step among them. */
/** Of how many events the first move of such a statement is, and the first operation that it changes. */
function moveOf({ values: [moves, changes] }: Statement): { readonly events: number; readonly step: number } {
  const [, , events] = fieldsOf(moves);
  const [, , step] = fieldsOf(changes);
  return { events: Number(events), step: Number(step) };
}

/** Of the first record. */
function fieldsOf(records: unknown): readonly string[] {
  return String(records).slice('{"('.length).split(',');
}

describe('one that can never be written', () => {
  const POISON = { text: '\u0000' };

  it('fails alone among reports', async () => {
    await within(async ({ scenario }) => {
      const ids = await all(async () => scenario.start(TWO_STEPS));
      const claims = await all(async (place) => scenario.claim(ids[place] as string, action(0)));
      const results = await all(async (place) => scenario.complete(claims[place] as Claim, place === 17 ? POISON : { place }));
      expect(results.flatMap(({ kind }, place) => (kind === 'applied' ? [] : [place]))).toEqual([17]);
      expect(results[17]).toMatchObject({ kind: 'failed', error: { sqlState: '22P05' } });
      expect((await scenario.find(ids[17] as string)).saga.rev).toBe(2);
    });
  });

  it('fails alone among reports of one saga', async () => {
    await within(async ({ scenario }) => {
      const id = await scenario.start(WIDE);
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      const results = await all(async (place) => scenario.complete(claims[place] as Claim, place === 17 ? POISON : { place }));
      expect(results.flatMap(({ kind }, place) => (kind === 'applied' ? [] : [place]))).toEqual([17]);
      expect((await scenario.find(id)).saga.openActions).toBe(2);
    });
  });

  it('keeps no other report of its saga waiting for an answer', async () => {
    await within(async ({ scenario, store }) => {
      const id = await scenario.start(WIDE);
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      const order: string[] = [];
      const pool = (store as unknown as { pool: EnginePool }).pool;
      const query = pool.query.bind(pool);
      pool.query = async (statement) => {
        if (isDeepStrictEqual(moveOf(statement), { events: 1, step: 29 })) order.push('the last is tried');
        return query(statement);
      };
      await all(async (place) => {
        await scenario.complete(claims[place] as Claim, place === 17 ? POISON : { place });
        if (place === 5) order.push('another is answered');
      });
      expect([order[0], order.at(-1)]).toEqual(['another is answered', 'the last is tried']);
    });
  });

  it('fails alone among starts, with a key and without', async () => {
    await within(async ({ scenario, store }) => {
      const results = await all(async (place) => {
        const context = place === 9 || place === 20 ? POISON : {};
        const businessKey = place % 2 === 0 ? { key: `k${place}`, fingerprint: 'f' } : null;
        return store.start(startRequest(TWO_STEPS, { context, businessKey })).catch((error: unknown) => error);
      });
      const failed = results.flatMap((result, place) => (result instanceof Error ? [place] : []));
      expect(failed).toEqual([9, 20]);
      expect(await scenario.startWithKey(TWO_STEPS, 'k20', 'f')).toMatchObject({ kind: 'started' });
    });
  });
});

describe('an answer that never came', () => {
  /** The first statement that this says yes to is committed, and its answer lost. */
  function losing(store: SagaStore, which: (statement: Statement) => boolean): () => number {
    const pool = (store as unknown as { pool: EnginePool }).pool;
    const query = pool.query.bind(pool);
    let lost = 0;
    pool.query = async (statement) => {
      const rows = await query(statement);
      if (lost > 0 || !which(statement)) return rows as never;
      lost++;
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    };
    return () => lost;
  }

  it('to claims of one saga leaves each with its own', async () => {
    await within(async ({ scenario, store }) => {
      const id = await scenario.start(WIDE);
      const lost = losing(store, ({ name }) => name === 'nest_saga_claim_set');
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      expect(lost()).toBe(1);
      expect(claims.map(({ operation }) => operation.step)).toEqual(MANY);
      expect((await scenario.find(id)).saga.rev).toBe(31);
    });
  });

  it('to reports of one saga leaves each applied once, and told so', async () => {
    await within(async ({ scenario, store }) => {
      const id = await scenario.start(WIDE);
      const claims = await all(async (place) => scenario.claim(id, action(place)));
      const lost = losing(store, (statement) => moveOf(statement).events === 29);
      const results = await all(async (place) => scenario.complete(claims[place] as Claim));
      expect(lost()).toBe(1);
      expect(results.map((result) => result.kind === 'applied' && result.saga.rev)).toEqual(MANY.map((place) => place + 32));
      expect((await store.history(id)).filter(({ kind }) => kind === 'completed')).toHaveLength(30);
    });
  });
});

describe('one that somebody else holds', () => {
  it('delays no other claim, report or start', async () => {
    await within(async ({ app, schema, scenario }) => {
      const ids = await all(async () => scenario.start(TWO_STEPS));
      const claims = await all(async (place) => (place === 5 ? null : scenario.claim(ids[place] as string, action(0))));
      await app.transaction(async (manager) => {
        await manager.query(`SELECT 1 FROM "${schema}".sagas WHERE id = ANY ($1) FOR UPDATE`, [[ids[5], ids[6]]]);
        const order: string[] = [];
        const ended = (what: string) => (): void => void order.push(what);
        const held = [
          scenario.tryClaim(ids[5] as string, action(0)).then(ended('held claim')),
          scenario.complete(claims[6] as Claim).then(ended('held report')),
        ];
        await all(async (place) => {
          if (place === 5 || place === 6) return;
          await scenario.complete(claims[place] as Claim);
          await scenario.claim(ids[place] as string, action(1));
          await scenario.startWithKey(TWO_STEPS, `k${place}`, 'f');
        });
        ended('all others')();
        await Promise.all(held);
        expect(order[0]).toBe('all others');
      });
    });
  });

  it('delays only its own key, when it is a key that an open transaction has taken', async () => {
    await within(async ({ app, store, scenario }) => {
      await app.transaction(async (manager) => {
        const business = { key: 'k3', fingerprint: 'f' };
        await store.start(startRequest(TWO_STEPS, { businessKey: business, manager })); // holds the key as long as it is open
        const order: string[] = [];
        const same = scenario.startWithKey(TWO_STEPS, 'k3', 'f').then(
          () => order.push('the same key'),
          () => order.push('the same key'),
        );
        await all(async (place) => place !== 3 && scenario.startWithKey(TWO_STEPS, `k${place}`, 'f'));
        order.push('all others');
        await same;
        expect(order).toEqual(['all others', 'the same key']);
      });
    });
  });
});

describe('a statement for many', () => {
  it('reaches its rows by their keys on tables without statistics', async () => {
    await within(async (fixture) => {
      const { app } = fixture;
      await keepWithoutStatistics(fixture);
      const statements = await statementsForMany(fixture);
      await growBy(10_000, fixture);
      for (const { text, values } of statements) expect(planOf(await app.query(`EXPLAIN ${text}`, [...values]))).not.toMatch(WHOLE_TABLE);
    });
  });

  it.each(['tiny', 'empty'])('keeps a plan that goes by keys, though the tables were %s when PostgreSQL last looked', async (size) => {
    await within(async (fixture) => {
      const { app, store, schema } = fixture;
      const pool = (store as unknown as { pool: EnginePool }).pool;
      await keepWithoutStatistics(fixture);
      const statements = await statementsForMany(fixture);
      if (size === 'empty') for (const table of TABLES) await app.query(`DELETE FROM "${schema}".${table}`);
      await app.query(`VACUUM ANALYZE ${TABLES.map((table) => `"${schema}".${table}`).join(', ')}`);
      if (size === 'empty') await growBy(50, fixture, 'first');
      await pool.transaction(async (sql) => {
        for (const statement of statements) {
          await sql.query({ text: 'SAVEPOINT before_each', values: [] });
          await sql.query(statement);
          await sql.query({ text: 'ROLLBACK TO SAVEPOINT before_each', values: [] });
        }
        await growBy(10_000, fixture);
        for (const { name, values } of statements) {
          const explained = planOf(
            await sql.query({ text: `EXPLAIN VERBOSE EXECUTE ${name}(${values.map(literal).join(', ')})`, values: [] }),
          );
          expect(explained).toContain('$1'); // it is the kept one
          expect(explained).not.toMatch(WHOLE_TABLE);
          expect(explained).not.toMatch(EACH_WITH_EACH);
        }
      });
    });
  });
});

describe.each([1, 3, 30])('a statement for %i', (count) => {
  it('is planned once, not every time', async () => {
    await within(async (fixture) => {
      const pool = (fixture.store as unknown as { pool: EnginePool }).pool;
      const statements = await statementsForMany(fixture, count);
      const plans = await pool.transaction(async (sql) => {
        for (const statement of statements) {
          for (let times = 0; times < 10; times++) {
            await sql.query({ text: 'SAVEPOINT before_each', values: [] });
            await sql.query(statement);
            await sql.query({ text: 'ROLLBACK TO SAVEPOINT before_each', values: [] });
          }
        }
        const names = statements.map(({ name }) => name);
        return sql.query<{ custom_plans: number }>({
          text: 'SELECT custom_plans FROM pg_prepared_statements WHERE name = ANY ($1)',
          values: [names],
        });
      });
      expect(plans).toHaveLength(statements.length);
      for (const { custom_plans: count } of plans) expect(count).toBe(0);
    });
  });
});

const TABLES = ['sagas', 'operations', 'inputs', 'business_keys'];
const WHOLE_TABLE = new RegExp(`Seq Scan on (\\S+\\.)?(${TABLES.join('|')})`);
/** A loop over all records for each row. */
const EACH_WITH_EACH = /Join Filter: .*\b([macih]|seen|wanted|op)(_\d+)?\.(saga_)?id\b/;

async function keepWithoutStatistics({ app, schema }: PostgresFixture): Promise<void> {
  for (const table of TABLES) await app.query(`ALTER TABLE "${schema}".${table} SET (autovacuum_enabled = false)`);
}

/** A start, a claim and chained reports of many, with all known that a claim needs and without, none of them sent. */
async function statementsForMany(
  { schema, scenario }: PostgresFixture & { readonly scenario: Scenario },
  count = MANY.length,
): Promise<readonly Statement[]> {
  const ids = await Promise.all(MANY.slice(0, count).map(async () => scenario.start(TWO_STEPS)));
  const claims = await Promise.all(ids.map(async (id) => scenario.claim(id, action(0))));
  const offer = { claimId: 'c', worker: 'w', leaseMs: 1_000, conditions: [], accepts: () => true };
  const move = (claim: Claim, isKnown: boolean): EncodedMove => {
    const { plan: of, saga } = claim.basis;
    const decision = transition(of, saga, completed(claim, {}));
    if (decision.kind !== 'moved') throw new Error('a completion moves its saga');
    const chained = chain(of, decision, offer);
    if (chained === null) throw new Error('a completion sets the next step free');
    const { saga: after, effects } = chained;
    const link = linkOf(of, chained, offer, isKnown);
    return encoded({ plan: of, before: saga, after, effects, resendMs: RESEND_MS, leaseGraceMs: null, link });
  };
  const rest = { worker: 'w', leaseMs: 1_000, planFormat: PLAN_FORMAT };
  const keyed = MANY.slice(0, count).map((place) => startRequest(TWO_STEPS, { businessKey: { key: `k${place}`, fingerprint: 'f' } }));
  return [
    ...[true, false].map((isKnown) =>
      applyStatement(
        schema,
        claims.map((claim) => move(claim, isKnown)),
      ),
    ),
    claimStatement(
      schema,
      ids.map((sagaId) => ({ sagaId, operation: action(1), claimId: 'c', ...rest })),
    ),
    startStatement(
      schema,
      keyed.map((request) => encodedStart(plannedStart(request))),
    ),
  ];
}

async function growBy(sagas: number, { app, schema }: PostgresFixture, prefix = 's'): Promise<void> {
  await app.query(
    `INSERT INTO "${schema}".operations (saga_id, direction, step, round, key, state, waits, ord, fence, claims, losses, blamed, attempt_limit, loss_limit, had_unknown, timed_out)
     SELECT '${prefix}' || n, 'action', k, 1, 'x', 'pending', 0, 0, 0, 0, 0, 0, 1, 1, false, false FROM generate_series(1, ${sagas}) n, generate_series(0, 2) k`,
  );
  await app.query(
    `INSERT INTO "${schema}".sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, wake_at)
     SELECT '${prefix}' || n, 'x', 'started', 1, 'x', 1, 3, 0, now() + interval '1 hour' FROM generate_series(1, ${sagas}) n`,
  );
  await app.query(
    `INSERT INTO "${schema}".inputs (saga_id, step, input, refs) SELECT '${prefix}' || n, k, '{}', '[]' FROM generate_series(1, ${sagas}) n, generate_series(-1, 1) k`,
  );
}

function planOf(rows: readonly { readonly 'QUERY PLAN': string }[]): string {
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

function literal(value: unknown): string {
  const text = Array.isArray(value) ? `{${value.join(',')}}` : String(value);
  return `'${text.replaceAll("'", "''")}'`;
}
