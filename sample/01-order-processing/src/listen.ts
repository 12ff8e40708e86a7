import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

const HOST = '127.0.0.1';
const DEFAULT_PORT = '3000';

/**
 * Serves on the port of the environment variable PORT, 3000 without one, for this machine only.
 *
 * @returns the address to ask
 * @throws Error with one sentence that says what to change
 */
export async function listen(server: Server): Promise<string> {
  const port = portOf(process.env['PORT'] || DEFAULT_PORT);
  try {
    server.listen(port, HOST);
    await once(server, 'listening');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === 'EADDRINUSE' ? `port ${port} is in use` : `port ${port} cannot be opened (${message})`;
    throw new Error(`${problem}: set PORT to another one, for example PORT=3001 npm start; PORT=0 takes any that is free.`, {
      cause: error,
    });
  }
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
}

function portOf(given: string): number {
  const port = Number(given);
  if (/^\d+$/.test(given) && port <= 65_535) return port;
  throw new Error(`PORT is "${given}", which is no port: set it to a whole number from 0 to 65535.`);
}
