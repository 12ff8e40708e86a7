// A throw-away Restate server on free ports of 127.0.0.1, from the binary in bench/node_modules.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../test/services/free-port.mjs';

const require = createRequire(import.meta.url);
const START_TIMEOUT_MS = 30_000;

/** @param {import('../test/services/belongings.mjs').Belongings} belongings */
export async function startRestate(belongings) {
  const folder = belongings.makeFolder(tmpdir(), 'nest-saga-restate-');
  const [ingress, admin, fabric] = [await freePort(), await freePort(), await freePort()];
  const at = (port) => `127.0.0.1:${port}`;
  const log = join(folder, 'log');
  const output = openSync(log, 'w', 0o600);
  const server = belongings.spawn(binary('restate-server', 'restate-server'), ['--no-logo', '--base-dir', join(folder, 'data')], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      RUST_LOG: 'warn',
      RESTATE_DISABLE_TELEMETRY: 'true',
      RESTATE_LISTEN_MODE: 'tcp',
      RESTATE_BIND_ADDRESS: at(fabric),
      RESTATE_ADVERTISED_ADDRESS: `http://${at(fabric)}`,
      RESTATE_INGRESS__BIND_ADDRESS: at(ingress),
      RESTATE_ADMIN__BIND_ADDRESS: at(admin),
    },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let ended = false;
  void server.exited.then(() => (ended = true));
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!((await answers(`http://${at(admin)}/health`)) && (await answers(`http://${at(ingress)}/restate/health`)))) {
    if (ended || Date.now() > deadline)
      throw new Error(`Restate did not start. The end of its log:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
    await pause(50);
  }
  return { pid: server.pid, ingressUrl: `http://${at(ingress)}`, adminUrl: `http://${at(admin)}` };
}

const binary = (name, file) => require.resolve(`@restatedev/${name}-${process.platform}-${process.arch}/bin/${file}`);

async function answers(url) {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
