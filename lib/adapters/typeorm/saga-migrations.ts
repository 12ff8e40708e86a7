import { SagaConfigurationError } from '../../errors';
import { optionsProblems } from '../../core/known-fields';
import { DEFAULT_SCHEMA, schemaProblem } from './schema-name';
import { runSchemaStep, SCHEMA_STEPS, type SchemaStep } from './schema.version';

export interface SagaMigrationsOptions {
  /** The schema that the tables live in. Default `saga`. */
  readonly schema?: string;
}

/** A TypeORM migration, by what it has: published types must not need TypeORM's. */
export interface SagaMigration {
  readonly name: string;
  up(queryRunner: MigrationQueryRunner): Promise<void>;
  down(queryRunner: MigrationQueryRunner): Promise<void>;
}

export interface MigrationQueryRunner {
  query(sql: string): Promise<unknown>;
}

/**
 * The migrations that make and upgrade the engine's tables, for the application's own list.
 *
 * @example
 * new DataSource({ type: 'postgres', …, migrations: [...sagaMigrations(), ...mine] })
 */
export function sagaMigrations(options: SagaMigrationsOptions = {}): (new () => SagaMigration)[] {
  const problems: readonly string[] = optionsProblems('sagaMigrations()', options, ['schema']);
  if (problems.length > 0) throw new SagaConfigurationError(problems);
  const { schema = DEFAULT_SCHEMA } = options;
  const problem = schemaProblem(schema);
  if (problem !== null) throw new SagaConfigurationError([`sagaMigrations(): ${problem}`]);
  return SCHEMA_STEPS.map((step) => migrationOf(schema, step));
}

/** TypeORM tells migrations apart by name, and two schemas of one database have the same ones. */
function migrationOf(schema: string, step: SchemaStep): new () => SagaMigration {
  const name = `NestSaga_${schema === DEFAULT_SCHEMA ? '' : `${schema}_`}${step.name}${step.timestamp}`;
  const migration = class implements SagaMigration {
    readonly name = name;

    async up(queryRunner: MigrationQueryRunner): Promise<void> {
      await runSchemaStep((text) => queryRunner.query(text), schema, step);
    }

    /** Takes the sagas with it. */
    async down(queryRunner: MigrationQueryRunner): Promise<void> {
      if (step.version === 1) await queryRunner.query(`DROP SCHEMA "${schema}" CASCADE`);
    }
  };
  Object.defineProperty(migration, 'name', { value: name });
  return migration;
}
