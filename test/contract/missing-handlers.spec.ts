import { afterEach, describe, expect, it } from '@jest/globals';
import { missingHandlersStatement } from '../../lib/adapters/typeorm/missing-handlers.statement';
import { Scenario, TWO_STEPS } from '../../lib/testing/store-contract.scenario';
import { postgresFixture, type PostgresFixture } from './typeorm-store.fixture';

let fixture: PostgresFixture | undefined;

afterEach(() => fixture?.dispose());

describe('The look for missing handlers', () => {
  it.each([
    ['when nothing is missing', ['action do.a', 'action do.b', 'undo undo.a', 'undo undo.b']],
    ['when a handler is missing', []],
  ])('reads no saga that has ended, %s', async (_when, names) => {
    fixture = await postgresFixture();
    const { app, schema, store } = fixture;
    const scenario = new Scenario(store);
    await scenario.start(TWO_STEPS);
    await app.query(`INSERT INTO "${schema}".sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos)
      SELECT 'e' || n, 'x', 'completed', 2, (SELECT hash FROM "${schema}".plans), 1, 0, 0 FROM generate_series(1, 30000) n`);
    await app.query(`ANALYZE "${schema}".sagas`);
    const offered = names.map((name) => ({ kind: name.split(' ')[0] as 'action', key: name.split(' ')[1] as string }));
    const { text, values } = missingHandlersStatement(schema, offered);
    const plan: { 'QUERY PLAN': string }[] = await app.query(`EXPLAIN ${text}`, [...values]);
    const lines = plan.map((row) => row['QUERY PLAN']);
    expect(lines.filter((line) => /Scan/.test(line) && / on sagas/.test(line))).toEqual([
      expect.stringContaining('sagas_active'),
      expect.stringContaining('sagas_active'),
    ]);
    expect((await store.missingHandlers(offered)).every(({ sagas }) => sagas === 1)).toBe(true);
  });
});
