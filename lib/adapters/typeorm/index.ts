// Sagas in PostgreSQL. This room knows TypeORM and pg, and loads them only when a store is asked for.
export type { ApplicationDataSource } from './application-data-source';
export { SagaDatabaseError } from './database.error';
export { SagaManagerError } from './manager.error';
export { sagaMigrations, type MigrationQueryRunner, type SagaMigration, type SagaMigrationsOptions } from './saga-migrations';
export { typeOrmStore, type TypeOrmStoreOptions } from './typeorm-store.definition';
