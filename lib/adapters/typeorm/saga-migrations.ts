import type { MigrationInterface, QueryRunner } from 'typeorm';
import { SagaConfigurationError } from '../../errors';
import { DEFAULT_SCHEMA, schemaProblem } from './schema-name';
import { runSchemaStep, SCHEMA_STEPS, type SchemaStep } from './schema.version';

export interface SagaMigrationsOptions {
  /** The schema that the tables live in. Default `saga`. */
  readonly schema?: string;
}

/**
 * The migrations that make and upgrade the engine's tables, for the application's own list.
 *
 * @example
 * new DataSource({ type: 'postgres', …, migrations: [...sagaMigrations(), ...mine] })
 */
export function sagaMigrations(options: SagaMigrationsOptions = {}): (new () => MigrationInterface)[] {
  const schema = options.schema ?? DEFAULT_SCHEMA;
  const problem = schemaProblem(schema);
  if (problem !== null) throw new SagaConfigurationError([problem]);
  return SCHEMA_STEPS.map((step) => migrationOf(schema, step));
}

/** TypeORM tells migrations apart by name, and two schemas of one database have the same ones. */
function migrationOf(schema: string, step: SchemaStep): new () => MigrationInterface {
  const name = `NestSaga_${schema === DEFAULT_SCHEMA ? '' : `${schema}_`}${step.name}${step.timestamp}`;
  const migration = class implements MigrationInterface {
    readonly name = name;

    async up(queryRunner: QueryRunner): Promise<void> {
      await runSchemaStep((text) => queryRunner.query(text), schema, step);
    }

    /** Takes the sagas with it. */
    async down(queryRunner: QueryRunner): Promise<void> {
      if (step.version === 1) await queryRunner.query(`DROP SCHEMA "${schema}" CASCADE`);
    }
  };
  Object.defineProperty(migration, 'name', { value: name });
  return migration;
}
