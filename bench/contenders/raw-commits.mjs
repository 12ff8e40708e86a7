// What PostgreSQL gives at most, one transaction at a time: one row, one commit. A "saga" here is one of these.
import { createRequire } from 'node:module';
import { watchPg } from './pg-clients.mjs';

const root = createRequire(new URL('../../package.json', import.meta.url));

export async function boot({ databaseUrl }) {
  const pg = root('pg');
  const { settle, queries } = watchPg(pg);
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 10 });
  await pool.query(`CREATE TABLE IF NOT EXISTS rows (id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, body jsonb NOT NULL)`);
  const statement = { name: 'insert', text: 'INSERT INTO rows (body) VALUES ($1)', values: ['{"done":true}'] };
  return { one: async () => void (await pool.query(statement)), settle, queries, close: () => pool.end() };
}
