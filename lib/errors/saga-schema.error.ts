import { SagaError } from './saga.error';

/** Thrown at boot when the tables are missing or older than this version of the package. */
export class SagaSchemaError extends SagaError {
  readonly code = 'SAGA_SCHEMA';

  constructor(schema: string, what: string) {
    super(
      `schema "${schema}" ${what}. Add ...sagaMigrations({ schema: "${schema}" }) to the migrations of your DataSource and run them, or set typeOrmStore({ autoMigrate: true }) for development`,
    );
  }
}
