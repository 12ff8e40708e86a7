import type { EnginePool } from './engine.pool';
import { runSchemaStep, SCHEMA_STEPS } from './schema.version';

/** Longer than the server's own limit, set below. */
const ANSWER_MS = 65_000;

/** Makes and upgrades the tables when the store is opened, for development: the same statements as the migrations, all or none. */
export async function autoMigrate(pool: EnginePool, schema: string): Promise<void> {
  await pool.transaction(async (sql) => {
    // Other processes that boot at the same time are waited for.
    await sql.query({ text: `SET LOCAL lock_timeout = '60s'`, values: [] });
    await sql.query({ text: `SET LOCAL statement_timeout = '60s'`, values: [] });
    for (const step of SCHEMA_STEPS) await runSchemaStep((text) => sql.query({ text, values: [] }), schema, step);
  }, ANSWER_MS);
}
