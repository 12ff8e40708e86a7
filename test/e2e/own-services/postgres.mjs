// A PostgreSQL of one test's own. Arguments: its settings, as JSON.
import { fileURLToPath } from 'node:url';
import { startPostgres } from '../../services/postgres.mjs';
import { serve } from './serve.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

await serve(async (belongings) => {
  delete process.env.DATABASE_URL;
  const { url } = await startPostgres({ root, fast: true, settings: JSON.parse(process.argv[2] ?? '{}'), belongings });
  return { about: { url } };
});
