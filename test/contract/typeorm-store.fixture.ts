import { randomBytes } from 'node:crypto';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { typeOrmStore, type TypeOrmStoreOptions } from '../../lib/adapters/typeorm';
import type { AdapterEnvironment } from '../../lib/ports/store-definition';
import type { SagaStore } from '../../lib/ports/saga-store';
import type { StoreFixture } from '../../lib/testing/store-contract';

/** Another name than `saga-store…`: this is no suite. */
export interface PostgresFixture extends StoreFixture {
  readonly schema: string;
  /** The application's own connection. */
  readonly app: DataSource;
  /** One more store over the same tables, as another process would have it. */
  another(options?: TypeOrmStoreOptions): Promise<SagaStore>;
}

export function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url === undefined) throw new Error('DATABASE_URL is not set');
  return url;
}

export function freshSchema(): string {
  return `test_${randomBytes(6).toString('hex')}`;
}

export const NO_CONTAINER: AdapterEnvironment = { instance: 'default', resolve: () => undefined, warn: () => undefined };

export function application(options: Partial<DataSourceOptions> = {}): DataSource {
  return new DataSource({ type: 'postgres', url: databaseUrl(), poolSize: 5, ...options } as DataSourceOptions);
}

const TIMES: Readonly<Record<string, readonly string[]>> = {
  sagas: ['wake_at', 'deadline_at', 'created_at', 'updated_at', 'completed_at'],
  operations: ['first_at', 'due_at', 'send_at', 'lease_until', 'settled_at'],
  history: ['at'],
  handlers: ['last_seen'],
  quarantine: ['at'],
  outbox: ['at', 'locked_until'],
  signals: ['at'],
};

/** A store over a schema of its own, migrated, and dropped in the end. */
export async function postgresFixture(options: TypeOrmStoreOptions = {}): Promise<PostgresFixture> {
  const schema = options.schema ?? freshSchema();
  const app = await application().initialize();
  const open: SagaStore[] = [];
  const another = async (more: TypeOrmStoreOptions = {}): Promise<SagaStore> => {
    const store = typeOrmStore({ dataSource: app, schema, autoMigrate: true, ...options, ...more }).create(NO_CONTAINER);
    await store.open();
    open.push(store);
    return store;
  };
  return {
    store: await another(),
    schema,
    app,
    another,
    advance: async (ms) => {
      for (const [table, columns] of Object.entries(TIMES)) {
        const moved = columns.map((column) => `${column} = ${column} - $1 * interval '1 millisecond'`);
        await app.query(`UPDATE "${schema}".${table} SET ${moved.join(', ')}`, [ms]);
      }
    },
    dispose: async () => {
      await Promise.all(open.map((store) => store.close()));
      await app.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`);
      await app.destroy();
    },
  };
}
