// Databases in which much has happened before. Rows are copied from sagas that really ran, so that they are what the engine writes.
import { open } from './contenders.mjs';
import { Database } from './database.mjs';

/** @returns the database, made when it is first asked for and kept for every round */
export function databaseOfMillions({ finished, live }) {
  return once(async (services) => {
    const database = await Database.create(services.env.DATABASE_URL, 'grown');
    const contender = await open({ services, name: 'default', database });
    const ids = {};
    for (const saga of ['happy', 'sleeping', 'waiting']) ids[saga] = await contender.workers[0].ask('once', { saga });
    await untilQuiet(database, [ids.sleeping, ids.waiting]);
    await contender.close();
    await copies(database, ids.happy, finished);
    await copies(database, ids.sleeping, live / 2);
    await copies(database, ids.waiting, live / 2);
    await database.rows('VACUUM ANALYZE');
    return database;
  });
}

/** Tables of which the planner never hears anything. */
export function neverAnalysed() {
  return once(async (services) => {
    const database = await Database.create(services.env.DATABASE_URL, 'unanalysed');
    const contender = await open({ services, name: 'default', database });
    await contender.close();
    for (const table of await tablesOf(database)) await database.rows(`ALTER TABLE saga.${table} SET (autovacuum_enabled = false)`);
    return database;
  });
}

function once(make) {
  let made;
  return { get: (services) => (made ??= make(services)), drop: async () => void (await (await made)?.drop()) };
}

// Until the step that waits is waiting, which is what the copies shall look like.
async function untilQuiet(database, ids) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const [{ waiting }] = await database.rows(
      `SELECT count(*)::int AS waiting FROM saga.operations WHERE saga_id = ANY($1) AND state = 'waiting'`,
      [ids],
    );
    if (waiting === ids.length) return;
    if (Date.now() > deadline) throw new Error('the sagas that are to be copied did not come to their wait');
  }
}

/** Everything that belongs to the saga, `count` times; older with each copy, as if one had been started each second. */
async function copies(database, sagaId, count) {
  for (const table of await tablesOf(database)) {
    const columns = await columnsOf(database, table);
    const key = table === 'sagas' ? 'id' : columns.find((column) => column === 'saga_id');
    if (key === undefined) continue;
    const aged = table === 'sagas' ? ['created_at', 'updated_at', 'completed_at'] : [];
    const value = (column) => {
      if (column === key) return `left(${column}, 10) || upper(left(md5($1), 8)) || lpad(upper(to_hex(n)), 8, '0')`;
      return aged.includes(column) ? `${column} - n * interval '1 second'` : column;
    };
    await database.rows(
      `INSERT INTO saga.${table} (${columns.join(', ')})
       SELECT ${columns.map(value).join(', ')} FROM saga.${table} CROSS JOIN generate_series(1, ${count}) AS n WHERE ${key} = $1`,
      [sagaId],
    );
  }
}

const tablesOf = async (database) =>
  (await database.rows(`SELECT tablename AS name FROM pg_tables WHERE schemaname = 'saga'`)).map(({ name }) => name);

// What PostgreSQL numbers by itself is left to it.
const columnsOf = async (database, table) =>
  (
    await database.rows(
      `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'saga' AND table_name = $1 AND is_identity = 'NO'`,
      [table],
    )
  ).map(({ name }) => name);
