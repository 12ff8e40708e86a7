export function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url) return url;
  throw new Error(
    'DATABASE_URL is not set: run `node sample/start.mjs 03-approval`, which starts a PostgreSQL, or set it, for example to postgres://saga:saga@127.0.0.1:5432/saga.',
  );
}
