import { connect } from 'node:net';
import type { PgClient } from './vendor';

const CANCEL_REQUEST = 80_877_102;
const GIVE_UP_MS = 5_000;

/**
 * Asks the server to end what a connection is busy with, over a connection of its own, as the protocol wants it. A statement that
 * waits for a lock does not notice that nobody listens any more: without this, each one that was given up would occupy one of
 * the server's connections until the lock is free. Nothing is answered, and nothing depends on its success.
 */
export function cancelStatement({ processID, secretKey, host, port }: PgClient): void {
  if (typeof processID !== 'number' || typeof secretKey !== 'number') return;
  const request = Buffer.alloc(16);
  [request.length, CANCEL_REQUEST, processID, secretKey].forEach((word, place) => request.writeInt32BE(word, 4 * place));
  const socket = connect(host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port });
  socket.on('error', () => undefined);
  socket.setTimeout(GIVE_UP_MS, () => socket.destroy());
  socket.unref();
  socket.end(request);
}
