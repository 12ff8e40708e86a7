export function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url) return url;
  throw new Error(
    'DATABASE_URL is not set: run `node sample/start.mjs 04-child-saga`, which starts a PostgreSQL, or set it to one of yours, for example postgres://saga:saga@127.0.0.1:5432/saga.',
  );
}
