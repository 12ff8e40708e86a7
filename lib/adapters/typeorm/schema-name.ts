const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/;

export const DEFAULT_SCHEMA = 'saga';

/** A schema's name becomes part of every statement, so nothing that would need quoting is let in. */
export function schemaProblem(schema: string): string | null {
  if (SCHEMA.test(schema)) return null;
  return `schema ${JSON.stringify(schema).slice(0, 80)} is not a lower-case letter or "_", then up to 62 lower-case letters, digits or "_"`;
}

/** Every named instance keeps its sagas in a schema of its own. */
export function schemaOf(instance: string): string {
  if (instance === 'default') return DEFAULT_SCHEMA;
  return `saga_${instance.toLowerCase().replace(/[^a-z0-9_]/g, '_')}`.slice(0, 63);
}
