// A PostgreSQL with a database whose disk the test fills and frees. Argument: `mount` or `limit`.
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { startPostgres } from '../../services/postgres.mjs';
import { serve } from './serve.mjs';
import { limitedFiles, mountedDisk } from './small-disk.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));

await serve(async (belongings) => {
  delete process.env.DATABASE_URL;
  const { url, pid } = await startPostgres({ root, fast: true, belongings });
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  const { database, fill, free } = await (process.argv[2] === 'mount' ? mountedDisk : limitedFiles)({ admin, pid });
  await admin.end();
  const own = new URL(url);
  own.pathname = `/${database}`;
  return { about: { url: own.href }, commands: { fill, free } };
});
