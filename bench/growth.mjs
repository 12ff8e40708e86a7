// Databases in which much has happened before. Rows are copied from sagas that really ran, so that they are what the engine writes.
import { setTimeout as pause } from 'node:timers/promises';
import { open } from './contenders.mjs';
import { Database } from './database.mjs';

/** @returns the database, made when it is first asked for and kept for every round */
export function databaseOfMillions({ finished, live }) {
  return once(async (services) => {
    const database = await Database.create(services.env.DATABASE_URL, 'grown');
    const contender = await open({ services, name: 'default', database });
    const ids = {};
    for (const saga of ['happy', 'sleeping', 'waiting']) ids[saga] = await contender.workers[0].ask('once', { saga });
    await untilQuiet(database, ids);
    await contender.close();
    await copies(database, ids.happy, finished, AGED);
    await copies(database, ids.sleeping, live * 0.9);
    await copies(database, ids.waiting, live * 0.1, LOOKED_AT_NOW_AND_THEN);
    // Or both would go on beside the rows that are measured next.
    await database.rows('VACUUM ANALYZE');
    await database.rows('CHECKPOINT');
    return database;
  }, lookedAtAllTheTime);
}

/** Between the rounds no process is there, and what was to be looked at meanwhile would all be looked at first. */
async function lookedAtAllTheTime(database) {
  await database.rows(
    `WITH late AS MATERIALIZED (
       SELECT id AS saga_id, row_number() OVER () AS n FROM saga.sagas
        WHERE state = 'started' AND wake_at < clock_timestamp() + interval '5 minutes'
     ), saga AS (
       UPDATE saga.sagas s SET wake_at = ${NEXT_LOOK} FROM late WHERE s.id = late.saga_id
     )
     UPDATE saga.operations o SET send_at = ${NEXT_LOOK} FROM late WHERE o.saga_id = late.saga_id AND o.state = 'waiting' AND o.send_at IS NOT NULL`,
  );
  return database;
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

function once(make, again = (database) => database) {
  let made;
  return {
    get: (services) => (made = made === undefined ? make(services) : made.then(again)),
    drop: async () => void (await (await made)?.drop()),
  };
}

// Until both wait, and a sweep has found out that nothing is due at the one that sleeps: so the copies shall look.
async function untilQuiet(database, { sleeping, waiting }) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const [{ quiet }] = await database.rows(
      `SELECT (SELECT count(*) = 2 FROM saga.operations WHERE saga_id IN ($1, $2) AND state = 'waiting')
          AND (SELECT wake_at > clock_timestamp() + interval '1 hour' FROM saga.sagas WHERE id = $1) AS quiet`,
      [sleeping, waiting],
    );
    if (quiet) return;
    if (Date.now() > deadline) throw new Error('the sagas that are to be copied did not come to their wait');
    await pause(100);
  }
}

/** As if one had been started each second. */
const AGED = {
  sagas: Object.fromEntries(['created_at', 'updated_at', 'completed_at'].map((column) => [column, `${column} - n * interval '1 second'`])),
};
/** One that waits for a word is looked at every five minutes in the end, each at its own time. */
const NEXT_LOOK = `clock_timestamp() + (n % 300) * interval '1 second'`;
const LOOKED_AT_NOW_AND_THEN = {
  sagas: { wake_at: NEXT_LOOK },
  operations: {
    send_at: `CASE state WHEN 'waiting' THEN ${NEXT_LOOK} ELSE send_at END`,
    resends: `CASE state WHEN 'waiting' THEN 30 ELSE resends END`,
  },
};

/** Everything that belongs to the saga, `count` times. `otherwise`: what is not copied as it is, by table and column; n is the copy's number. */
async function copies(database, sagaId, count, otherwise = {}) {
  for (const table of await tablesOf(database)) {
    const columns = await columnsOf(database, table);
    const key = table === 'sagas' ? 'id' : columns.find((column) => column === 'saga_id');
    if (key === undefined) continue;
    const newId = `left(${key}, 10) || upper(left(md5($1), 8)) || lpad(upper(to_hex(n)), 8, '0')`;
    const values = columns.map((column) => (column === key ? newId : (otherwise[table]?.[column] ?? column)));
    await database.rows(
      `INSERT INTO saga.${table} (${columns.join(', ')})
       SELECT ${values.join(', ')} FROM saga.${table} CROSS JOIN generate_series(1, ${count}) AS n WHERE ${key} = $1`,
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
