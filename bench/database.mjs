// One PostgreSQL for everybody, a database of its own for each opening of a contender, so that nobody starts on what another one left.
import { createRequire } from 'node:module';
import { beforeExit } from '../test/services/shutdown.mjs';

const pg = createRequire(new URL('../package.json', import.meta.url))('pg');
let lastDatabase = 0;

export class Database {
  #admin;
  #dropped;

  static async create(serverUrl, what) {
    const name = `bench_${what.replace(/[^a-z]/g, '_')}_${process.pid}_${++lastDatabase}`;
    const admin = await connect(serverUrl);
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    const database = new Database(admin, name, url.href, await connect(url.href));
    beforeExit(() => database.drop());
    return database;
  }

  constructor(admin, name, url, client) {
    this.#admin = admin;
    this.name = name;
    this.url = url;
    this.client = client;
  }

  async rows(text, values) {
    return (await this.client.query(text, values)).rows;
  }

  /** What was done in this database so far, and how much log the server has written. */
  async counters() {
    const [counters] = (
      await this.#admin.query(
        `SELECT xact_commit::float8 AS commits, (tup_inserted + tup_updated)::float8 AS rows,
           pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 AS log FROM pg_stat_database WHERE datname = $1`,
        [this.name],
      )
    ).rows;
    return counters;
  }

  /** Updates of each table, and how many of them needed no new index entry. */
  hotUpdates() {
    return this.rows(
      `SELECT schemaname || '.' || relname AS table, n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot
         FROM pg_stat_user_tables WHERE n_tup_upd > 0 ORDER BY n_tup_upd DESC`,
    );
  }

  drop() {
    return (this.#dropped ??= this.#drop());
  }

  async #drop() {
    await this.client.end();
    await this.#admin.query(`DROP DATABASE ${this.name} WITH (FORCE)`);
    await this.#admin.end();
  }
}

export async function connect(connectionString) {
  const client = new pg.Client({ connectionString });
  // A server that goes down in the middle is told by the query that fails.
  client.on('error', () => {});
  await client.connect();
  return client;
}
