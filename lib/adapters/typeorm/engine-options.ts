import type { DataSourceOptions } from 'typeorm';

/** What the engine's own connections must not take over from the application's: whatever acts on its tables, and its logging. */
const DROPPED: readonly string[] = [
  ...['entities', 'subscribers', 'migrations', 'synchronize', 'dropSchema', 'migrationsRun'],
  ...['logging', 'logger', 'maxQueryExecutionTime', 'logNotifications', 'cache', 'name', 'isolationLevel'],
  ...['parseInt8', 'extensions', 'replication', 'poolErrorHandler'],
];

/** A statement that times out in the client leaves its transaction open, and the next user of the connection commits it. */
const DROPPED_EXTRA: readonly string[] = ['query_timeout', 'max', 'min', 'options', 'onConnect', 'verify'];

/** The application's connection, with a small pool of its own. */
export function engineOptions(application: DataSourceOptions, poolSize: number, startup: string): DataSourceOptions {
  const options = application as unknown as Record<string, unknown>;
  const { master } = (options['replication'] ?? {}) as { readonly master?: Record<string, unknown> };
  const extra = (options['extra'] ?? {}) as Record<string, unknown>;
  const name = [options['applicationName'] ?? extra['application_name'], 'nest-saga'].filter((part) => typeof part === 'string').join(' ');
  const startupOptions = [extra['options'], startup].filter((part) => typeof part === 'string' && part !== '').join(' ');
  return {
    ...without(options, DROPPED),
    ...master,
    installExtensions: false,
    logging: false,
    // Errors of idle connections; the statement that meets one reports it.
    poolErrorHandler: () => undefined,
    poolSize,
    extra: {
      ...without(extra, DROPPED_EXTRA),
      ...(startupOptions !== '' && { options: startupOptions }),
      max: poolSize,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: 5_000,
      application_name: name,
    },
  } as unknown as DataSourceOptions;
}

function without(record: Record<string, unknown>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));
}
