import type { DataSource, EntityManager } from 'typeorm';
import type { CommitWatch } from './commit.subscriber';
import { redacted } from './database.error';
import { runnerBehind } from './guarded-runner';
import { SagaManagerError } from './manager.error';
import { isSameDatabase } from './same-database';
import type { Sql, Statement } from './sql';

export interface CallersTransaction {
  readonly sql: Sql;
  /** Resolves when the caller's outermost transaction has committed; never, when it is rolled back. */
  committed(): Promise<void>;
}

/** @throws SagaManagerError when the manager has no open transaction or belongs to another database */
export function joinTransaction(manager: unknown, application: DataSource, commits: CommitWatch): CallersTransaction {
  const { queryRunner, dataSource } = (manager ?? {}) as Partial<EntityManager>;
  if (dataSource === undefined)
    throw new SagaManagerError('this is not a TypeORM EntityManager; pass the one that dataSource.transaction() gives you');
  if (queryRunner === undefined || !queryRunner.isTransactionActive) {
    throw new SagaManagerError('the manager has no open transaction; pass the one that dataSource.transaction() gives you');
  }
  if (!isSameDatabase(dataSource.options, application.options)) {
    throw new SagaManagerError('its DataSource is connected to another database than the engine, so one transaction cannot hold both');
  }
  return {
    sql: {
      query: async <Row>({ text, values }: Statement) => {
        try {
          return (await queryRunner.query(text, [...values])) as readonly Row[];
        } catch (error) {
          throw redacted((error as { driverError?: unknown }).driverError ?? error);
        }
      },
    },
    committed: () => commits.afterCommit(dataSource, runnerBehind(queryRunner)),
  };
}
