// Sagas in PostgreSQL. This room knows TypeORM and pg, and loads them only when a store is asked for.
export { SagaManagerError } from './callers-transaction';
export { SagaDatabaseError } from './database.error';
export { sagaMigrations, type MigrationQueryRunner, type SagaMigration, type SagaMigrationsOptions } from './saga-migrations';
export { typeOrmStore, type TypeOrmStoreOptions } from './typeorm-store.definition';
export type { ApplicationDataSource } from './data-source.finder';
