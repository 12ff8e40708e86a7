// A pgbouncer of one test's own. Arguments: the address of the PostgreSQL behind it.
import { startPgbouncer } from '../../services/pgbouncer.mjs';
import { serve } from './serve.mjs';

await serve(async (belongings) => {
  const { url, restart } = await startPgbouncer({ url: process.argv[2], belongings });
  return { about: { url }, commands: { restart } };
});
