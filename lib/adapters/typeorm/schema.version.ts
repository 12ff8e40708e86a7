import { SagaSchemaError } from '../../errors';
import { sqlStateOf } from './database.error';
import { schemaVersion1 } from './schema';
import type { Sql } from './sql';

/** One step of the schema. Steps are never changed after they were released; a new one is added. */
export interface SchemaStep {
  readonly version: number;
  /** When it was written; orders it among the migrations of an application. Thirteen digits. */
  readonly timestamp: number;
  readonly name: string;
  readonly statements: (schema: string) => readonly string[];
}

export const SCHEMA_STEPS: readonly SchemaStep[] = [
  { version: 1, timestamp: 1_763_700_000_000, name: 'CreateSagaTables', statements: schemaVersion1 },
];

export const SCHEMA_VERSION = 1;

/** Runs one plain statement. */
export type Run = (text: string) => Promise<unknown>;

/**
 * Brings a schema up to one step, unless it is there already; which migrations an application ran and what `autoMigrate` did may
 * thus be mixed. The lock makes several processes that boot at once take turns; it ends with the surrounding transaction.
 */
export async function runSchemaStep(run: Run, schema: string, step: SchemaStep): Promise<void> {
  await run(`SELECT pg_advisory_xact_lock(hashtextextended('nest-saga schema ${schema}', 0))`);
  // Asked first: CREATE SCHEMA IF NOT EXISTS needs the right to create schemas even when there is nothing to create.
  await run(`DO $$ BEGIN IF to_regnamespace('"${schema}"') IS NULL THEN CREATE SCHEMA "${schema}"; END IF; END $$`);
  await run(
    `CREATE TABLE IF NOT EXISTS "${schema}".meta (
      only_row    boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
      version     int         NOT NULL,
      migrated_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
  );
  const rows = (await run(`SELECT version FROM "${schema}".meta`)) as readonly { readonly version: number }[];
  if ((rows[0]?.version ?? 0) >= step.version) return;
  for (const statement of step.statements(schema)) await run(statement);
  await run(
    `INSERT INTO "${schema}".meta (version) VALUES (${step.version})
     ON CONFLICT (only_row) DO UPDATE SET version = excluded.version, migrated_at = clock_timestamp()`,
  );
}

/** @throws SagaSchemaError unless the schema is exactly what this version of the package works with */
export async function checkSchema(sql: Sql, schema: string): Promise<void> {
  let version: number | undefined;
  try {
    const rows = await sql.query<{ readonly version: number }>({ text: `SELECT version FROM "${schema}".meta`, values: [] });
    version = rows[0]?.version;
  } catch (error) {
    const isMissing = sqlStateOf(error) === '42P01' || sqlStateOf(error) === '3F000';
    if (!isMissing) throw error;
  }
  if (version === undefined) throw new SagaSchemaError(schema, 'has no saga tables');
  if (version < SCHEMA_VERSION)
    throw new SagaSchemaError(schema, `has version ${version}, older than version ${SCHEMA_VERSION} of this package`);
  if (version > SCHEMA_VERSION) {
    throw new SagaSchemaError(schema, `has version ${version}, newer than version ${SCHEMA_VERSION} of this package; upgrade nest-saga`);
  }
}
