import { randomUUID } from 'node:crypto';
import { Client } from 'pg';

export interface OwnDatabase {
  readonly url: string;
  query<Row>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Runs `meanwhile` while a transaction that has done `sql` stays open, so that whoever needs the same rows waits. */
  holding(sql: string, meanwhile: () => Promise<void>): Promise<void>;
  /** How many connections wait for a row that another one has locked; of one application only if it is named. */
  waitingForRows(applicationName?: string): Promise<number>;
  drop(): Promise<void>;
}

/** A database of its own for one suite: its schemas are called what the application calls them. */
export async function createDatabase(): Promise<OwnDatabase> {
  const name = `shop_${randomUUID().replaceAll('-', '')}`;
  const url = new URL(process.env['DATABASE_URL'] ?? '');
  await withClient(url, (admin) => admin.query(`CREATE DATABASE ${name}`));
  const own = new URL(url);
  own.pathname = `/${name}`;
  const query: OwnDatabase['query'] = (sql, values = []) =>
    withClient(own, async (client) => (await client.query(sql, [...values])).rows as never);
  return {
    url: own.href,
    query,
    waitingForRows: async (applicationName) => {
      const [row] = await query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = coalesce($1, application_name)`,
        [applicationName ?? null],
      );
      return row?.count ?? 0;
    },
    holding: (sql, meanwhile) =>
      withClient(own, async (client) => {
        await client.query('BEGIN');
        await client.query(sql);
        await meanwhile();
        await client.query('COMMIT');
      }),
    drop: async () => {
      await withClient(url, (admin) => admin.query(`DROP DATABASE ${name} WITH (FORCE)`));
    },
  };
}

async function withClient<T>(url: URL, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url.href });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
