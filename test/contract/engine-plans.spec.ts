// Plans of what the engine does not prepare: its connections make those without values too.
import { describe, expect, it } from '@jest/globals';
import { purgeStatement } from '../../lib/adapters/typeorm/delete.statement';
import type { EnginePool } from '../../lib/adapters/typeorm/engine.pool';
import { listStatement } from '../../lib/adapters/typeorm/find.statement';
import { heartbeatStatement } from '../../lib/adapters/typeorm/heartbeat.statement';
import { takeEventsStatement } from '../../lib/adapters/typeorm/outbox.statement';
import { rouseStatement } from '../../lib/adapters/typeorm/rouse.statement';
import type { Statement } from '../../lib/adapters/typeorm/sql';
import { sweepStatement } from '../../lib/adapters/typeorm/sweep.statement';
import { postgresFixture, type PostgresFixture } from './typeorm-store.fixture';

const SAGAS = 20_000;
const TABLES = ['sagas', 'operations', 'inputs', 'outbox'];
const WHOLE_TABLE = new RegExp(`Seq Scan on (${TABLES.join('|')})`);
const BEAT = {
  sagaId: 's1',
  operation: { step: 0, direction: 'action', round: 1 },
  claimId: 'c',
  fence: 1,
  leaseMs: 1_000,
  timedOut: false,
} as const;

const STATEMENTS: readonly [string, (schema: string) => Statement][] = [
  ['a sweep', (schema) => sweepStatement(schema, { limit: 100, graceMs: 1, resendMs: 1, resendMaxMs: 1 })],
  [
    'heartbeats',
    (schema) =>
      heartbeatStatement(
        schema,
        Array.from({ length: 100 }, () => BEAT),
      ),
  ],
  ['a list', (schema) => listStatement(schema, { limit: 50 })],
  ['a list of one name', (schema) => listStatement(schema, { limit: 50, name: 'x', before: 's5' })],
  ['a purge', (schema) => purgeStatement(schema, { finishedMs: 1, quarantinedMs: 1, limit: 100 })],
  ['a rouse', (schema) => rouseStatement(schema, ['x'], 0)],
  ['a batch of events', (schema) => takeEventsStatement(schema, { taker: 'a', limit: 100, maxBytes: 1_000, leaseMs: 60_000 })],
];

describe.each(['that were never analysed', 'with statistics'])('on tables %s', (which) => {
  it.each(STATEMENTS)('%s is planned without its values as it is with them, and reads no table whole', async (_what, statementFor) => {
    await withGrown(which, async ({ app, store, schema }) => {
      const { text, values } = statementFor(schema);
      const pool = (store as unknown as { pool: EnginePool }).pool;
      const without = await pool.query<PlanRow>({ text: `EXPLAIN (GENERIC_PLAN) ${text}`, values: [] });
      const [{ cost }] = await app.transaction(async (manager) => {
        await manager.query('SET LOCAL enable_seqscan = off');
        return [planOf(await manager.query<PlanRow[]>(`EXPLAIN ${text}`, [...values]))];
      });
      expect(planOf(without).text).not.toMatch(WHOLE_TABLE);
      expect(planOf(without).cost).toBeLessThan(2 * cost);
    });
  });
});

it('the connections of the engine compile nothing to machine code', async () => {
  const fixture = await postgresFixture();
  try {
    const pool = (fixture.store as unknown as { pool: EnginePool }).pool;
    expect(await pool.query({ text: `SELECT current_setting('jit') AS jit`, values: [] })).toEqual([{ jit: 'off' }]);
  } finally {
    await fixture.dispose();
  }
});

interface PlanRow {
  readonly 'QUERY PLAN': string;
}

function planOf(rows: readonly PlanRow[]): { readonly text: string; readonly cost: number } {
  const text = rows.map((row) => row['QUERY PLAN']).join('\n');
  return { text, cost: Number(/cost=[\d.]+\.\.([\d.]+)/.exec(text)?.[1]) };
}

/** With many sagas that all wait, and many events. */
async function withGrown(which: string, work: (fixture: PostgresFixture) => Promise<void>): Promise<void> {
  const fixture = await postgresFixture();
  const { app, schema } = fixture;
  try {
    for (const table of TABLES) await app.query(`ALTER TABLE "${schema}".${table} SET (autovacuum_enabled = false)`);
    await app.query(
      `INSERT INTO "${schema}".operations (saga_id, direction, step, round, key, state, waits, ord, fence, claims, losses, blamed, attempt_limit, loss_limit, had_unknown, timed_out)
       SELECT 's' || n, 'action', k, 1, 'x', 'started', 0, 0, 0, 0, 0, 0, 1, 1, false, false FROM generate_series(1, ${SAGAS}) n, generate_series(0, 2) k`,
    );
    await app.query(
      `INSERT INTO "${schema}".sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, wake_at)
       SELECT 's' || n, 'x', 'started', 1, 'x', 1, 3, 0, now() + interval '1 hour' FROM generate_series(1, ${SAGAS}) n`,
    );
    await app.query(
      `INSERT INTO "${schema}".inputs (saga_id, step, input, refs) SELECT 's' || n, -1, '{}', '[]' FROM generate_series(1, ${SAGAS}) n`,
    );
    await app.query(
      `INSERT INTO "${schema}".outbox (id, aggregatetype, aggregateid, type, version, payload, headers, payload_bytes)
       SELECT 'e-' || n, 't', 't', 't', 1, '{}', '{}', 2 FROM generate_series(1, ${SAGAS}) n`,
    );
    if (which === 'with statistics') await app.query(`ANALYZE ${TABLES.map((table) => `"${schema}".${table}`).join(', ')}`);
    await work(fixture);
  } finally {
    await fixture.dispose();
  }
}
