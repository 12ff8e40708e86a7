import type { DataSourceOptions } from 'typeorm';

/** Whether two DataSources lead to the same database, as far as their options say. */
export function isSameDatabase(a: DataSourceOptions, b: DataSourceOptions): boolean {
  return a === b || (a.type === b.type && addressOf(a) === addressOf(b));
}

interface Address {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number | string;
  readonly database?: string;
  readonly username?: string;
}

function addressOf(options: DataSourceOptions): string {
  const { replication, ...own } = options as unknown as Address & { readonly replication?: { readonly master?: Address } };
  const address = { ...own, ...replication?.master };
  const url = fromUrl(address.url);
  const host = url.host ?? address.host ?? 'localhost';
  const port = url.port ?? address.port ?? 5432;
  const user = url.username ?? address.username ?? '';
  return `${host}:${port}/${url.database ?? address.database ?? user}`;
}

function fromUrl(url: string | undefined): Address {
  if (url === undefined || !URL.canParse(url)) return {};
  const { hostname, port, pathname, username } = new URL(url);
  return {
    ...(hostname !== '' && { host: hostname }),
    ...(port !== '' && { port }),
    ...(pathname.length > 1 && { database: decodeURIComponent(pathname.slice(1)) }),
    ...(username !== '' && { username: decodeURIComponent(username) }),
  };
}
