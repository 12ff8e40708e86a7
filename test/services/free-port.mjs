// Picks ports below the range from which the kernel takes the ports of outgoing connections: a
// server that is restarted on its own port would otherwise now and then find it in use.
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

export async function freePort() {
  for (;;) {
    const port = randomInt(15_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
