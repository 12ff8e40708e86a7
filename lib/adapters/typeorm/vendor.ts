import type { DataSource, QueryRunner } from 'typeorm';
import { SagaConfigurationError } from '../../errors';

/**
 * The only place that loads TypeORM, and only when a store is asked for: importing this package must not need a peer that the
 * application does not use. What is used of `pg` is described here, since TypeORM hands it out untyped.
 */
export function loadTypeOrm(): typeof import('typeorm') {
  try {
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return require('typeorm') as typeof import('typeorm');
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw cause;
    throw new SagaConfigurationError(['typeOrmStore() needs TypeORM and pg: npm install typeorm pg']);
  }
}

export interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly types: { getTypeParser(oid: number): (text: string) => unknown };
}

export interface PgResult {
  readonly rows: readonly unknown[];
  readonly command: string;
}

export interface PgClient {
  /** What a request to cancel must name; known once connected. */
  readonly processID: number | null;
  readonly secretKey: number | null;
  readonly host: string;
  readonly port: number;
  query(query: PgQuery | string): Promise<PgResult>;
  /** With an error, or true, the connection is destroyed. */
  release(destroy?: Error | boolean): void;
  on(event: 'error', listener: (error: Error) => void): unknown;
  off(event: 'error', listener: (error: Error) => void): unknown;
  /** `I` outside a transaction, `T` inside, `E` inside one that failed. From pg 8.21 on. */
  getTransactionStatus?(): 'I' | 'T' | 'E' | null;
}

export interface PgPool {
  query(query: PgQuery): Promise<PgResult>;
  connect(): Promise<PgClient>;
  on(event: 'connect', listener: (client: PgClient) => void): unknown;
  end(): Promise<void>;
}

/** The pool behind a PostgreSQL DataSource; undefined before it was opened. */
export function poolOf(dataSource: DataSource): PgPool | undefined {
  return (dataSource.driver as unknown as { readonly master?: PgPool }).master;
}

/** What TypeORM's PostgreSQL runner can do beside what its type says. */
export interface PostgresRunner extends QueryRunner {
  /** With an error the connection is destroyed. */
  releasePostgresConnection(error?: Error): Promise<void>;
  isTransactionActive: boolean;
  transactionDepth: number;
}
