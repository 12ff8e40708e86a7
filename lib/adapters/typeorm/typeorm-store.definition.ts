import { SagaConfigurationError } from '../../errors';
import { isRecord, optionsProblems } from '../../core/known-fields';
import type { AdapterEnvironment, StoreDefinition } from '../../ports/store-definition';
import type { ApplicationDataSource } from './application-data-source';
import { MOST_MEMBERS } from './commit.batcher';
import { dataSourceProblems, findDataSource } from './data-source.finder';
import { schemaOf, schemaProblem } from './schema-name';
import { TypeOrmSagaStore } from './typeorm-saga.store';

export interface TypeOrmStoreOptions {
  /** A DataSource, or the name it has in the application. Default: the application's own. It need not be initialized. */
  readonly dataSource?: ApplicationDataSource | string;
  /** The PostgreSQL schema that the tables live in. Default `saga`; of a named instance `saga_<instance>`. */
  readonly schema?: string;
  /** Make and upgrade the tables at boot, for development. Default false: run `sagaMigrations()` with your own migrations. */
  readonly autoMigrate?: boolean;
  /** Connections of the engine's own, beside the application's. Default 4, at least 2. */
  readonly poolSize?: number;
  /** Prepare the hottest statements once a connection. Default true; false behind a pgbouncer older than 1.21 in transaction mode. */
  readonly namedStatements?: boolean;
  /**
   * At most so many sagas share one commit, for a start, claims or reports each, 1 to 256; 1: each has a commit of its own. Whatever it is,
   * nothing waits for others to come: they share a commit when they come while another is under way. Default 256.
   */
  readonly batchSize?: number;
}

const OPTIONS: readonly string[] = ['dataSource', 'schema', 'autoMigrate', 'poolSize', 'namedStatements', 'batchSize'];

/**
 * Keeps sagas in the application's PostgreSQL.
 *
 * @example
 * SagaModule.forRoot({ store: typeOrmStore({ autoMigrate: true }) })
 */
export function typeOrmStore(options: TypeOrmStoreOptions = {}): StoreDefinition {
  return {
    kind: 'typeorm',
    problems: (env) => problemsOf(options, env),
    create: (env) => {
      const problems = problemsOf(options, env);
      if (problems.length > 0) throw new SagaConfigurationError(problems);
      const dataSource = findDataSource(options.dataSource, env);
      if (dataSource === undefined) throw new SagaConfigurationError(problems);
      return new TypeOrmSagaStore({
        dataSource,
        schema: options.schema ?? schemaOf(env.instance),
        autoMigrate: options.autoMigrate ?? false,
        poolSize: options.poolSize ?? DEFAULT_POOL_SIZE,
        namedStatements: options.namedStatements ?? true,
        batchSize: options.batchSize ?? MOST_MEMBERS,
      });
    },
  };
}

const DEFAULT_POOL_SIZE = 4;

function problemsOf(options: TypeOrmStoreOptions, env: AdapterEnvironment): readonly string[] {
  const problems = optionsProblems('typeOrmStore()', options, OPTIONS);
  const given: unknown = options;
  if (!isRecord(given)) return problems;
  for (const option of ['autoMigrate', 'namedStatements'] as const) {
    if (!['boolean', 'undefined'].includes(typeof options[option])) problems.push(`typeOrmStore(): ${option} must be true or false`);
  }
  const schema = schemaProblem(options.schema ?? schemaOf(env.instance));
  if (schema !== null) problems.push(`typeOrmStore(): ${schema}`);
  const poolSize = options.poolSize ?? DEFAULT_POOL_SIZE;
  if (!Number.isInteger(poolSize) || poolSize < 2) problems.push('typeOrmStore(): poolSize must be a whole number from 2 on');
  const batchSize = options.batchSize ?? MOST_MEMBERS;
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > MOST_MEMBERS)
    problems.push(`typeOrmStore(): batchSize must be a whole number from 1 to ${MOST_MEMBERS}`);
  try {
    problems.push(...dataSourceProblems(options.dataSource, env));
  } catch (error) {
    if (!(error instanceof SagaConfigurationError)) throw error;
    problems.push(...error.problems);
  }
  return problems;
}
