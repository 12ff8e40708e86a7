// A table of the application, which transactional handlers write in their sagas' own transactions. Its rows are read as entries of a
// ledger, so that the same checkers judge them: whatever is there was committed.

const tableOf = (schema) => `"${schema}_app".books`;

export async function makeBooks(database, schema) {
  await database.query(`CREATE SCHEMA IF NOT EXISTS "${schema}_app"`);
  await database.query(
    `CREATE TABLE IF NOT EXISTS ${tableOf(schema)} (at timestamptz NOT NULL DEFAULT clock_timestamp(), saga text NOT NULL, entry jsonb NOT NULL)`,
  );
}

/** @param manager of the handler */
export async function book(manager, schema, entry) {
  await manager.query(`INSERT INTO ${tableOf(schema)} (saga, entry) VALUES ($1, $2)`, [entry.sagaId, JSON.stringify(entry)]);
}

/** Everything, or what concerns one saga. */
export async function readBooks(database, schema, saga = null) {
  const { rows } = await database.query(
    `SELECT entry, extract(epoch FROM at)::float8 * 1000 AS seq FROM ${tableOf(schema)} WHERE $1::text IS NULL OR saga = $1 ORDER BY at`,
    [saga],
  );
  return rows.map(({ entry, seq }) => ({ ...entry, seq }));
}
