// A pgbouncer of one test's own. Arguments: the address of the PostgreSQL behind it, and the startup parameters that it does not mind.
import { startPgbouncer } from '../../services/pgbouncer.mjs';
import { serve } from './serve.mjs';

await serve(async (belongings) => {
  const [, , behind, ignored] = process.argv;
  const { url, restart } = await startPgbouncer({ url: behind, ignored, belongings });
  return { about: { url }, commands: { restart } };
});
