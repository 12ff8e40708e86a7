// Restate: a handler of three `ctx.run`s, served over HTTP/2 by this process, called through the ingress of the server.
import * as clients from '@restatedev/restate-sdk-clients';
import * as restate from '@restatedev/restate-sdk';
import { createServer } from 'node:http2';
import { once } from 'node:events';

export async function boot({ ingressUrl, adminUrl }) {
  const step = async () => ({ done: true });
  const failing = async () => {
    throw new restate.TerminalError('asked to fail');
  };
  const service = restate.service({
    name: 'sagas',
    handlers: {
      async happy(ctx) {
        for (const name of ['a', 'b', 'c']) await ctx.run(name, step);
        return 'completed';
      },
      async compensated(ctx) {
        try {
          await ctx.run('a', step);
          await ctx.run('b', step);
          await ctx.run('c', failing);
          return 'completed';
        } catch (error) {
          if (!(error instanceof restate.TerminalError)) throw error;
          for (const name of ['undo b', 'undo a']) await ctx.run(name, async () => {});
          return 'compensated';
        }
      },
    },
  });
  const logger = (meta, message) => meta.level === 'error' && !String(message).includes('asked to fail') && console.error(message);
  const handler = restate.createEndpointHandler({ services: [service], logger });
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  await register(adminUrl, `http://127.0.0.1:${server.address().port}`);
  const sagas = clients.connect({ url: ingressUrl }).serviceClient({ name: 'sagas' });
  const expected = { happy: 'completed', compensated: 'compensated' };
  return {
    async one(saga) {
      const result = await sagas[saga]();
      if (result !== expected[saga]) throw new Error(`an invocation is ${result}, not ${expected[saga]}`);
    },
    close: async () => void server.close(),
  };
}

async function register(adminUrl, uri) {
  const response = await fetch(`${adminUrl}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });
  if (!response.ok) throw new Error(`Restate does not take the deployment: ${response.status} ${await response.text()}`);
}
