// `npm start`: installs, compiles, starts a throw-away PostgreSQL unless DATABASE_URL is set, and
// runs the first sample, or the one that is named: `node sample/start.mjs 03-approval`. RabbitMQ is used only if AMQP_URL is set.
import { existsSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Belongings } from '../test/services/belongings.mjs';
import { ensureBuilt } from '../test/services/build.mjs';
import { ensureInstalled } from '../test/services/install.mjs';
import { startServices } from '../test/services/services.mjs';
import { beforeExit, isShuttingDown } from '../test/services/shutdown.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const samples = readdirSync(join(root, 'sample')).filter((name) => existsSync(join(root, 'sample', name, 'src/main.ts')));
const [name = '01-order-processing'] = process.argv.slice(2);
const sample = `sample/${name}`;
const GRACE_MS = 15_000;

try {
  if (!samples.includes(name)) throw new Error(`there is no sample "${name}": name one of ${samples.join(', ')}.`);
  await ensureInstalled(root);
  await ensureBuilt({ root, sample });
  const services = await startServices({ root, rabbit: false });
  process.exitCode = await runSample(services.env);
  await services.stop();
} catch (error) {
  if (!isShuttingDown()) {
    console.error(error.message);
    process.exitCode = 1;
  }
}

async function runSample(env) {
  const belongings = new Belongings();
  const app = belongings.spawn(process.execPath, [join(root, sample, 'dist/main.js')], {
    cwd: root,
    env: { ...process.env, ...env },
    graceMs: GRACE_MS,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // The database has to outlive the sample, which still writes while it shuts down.
  beforeExit(async (signal) => {
    app.kill(signal);
    await Promise.race([app.exited, new Promise((resolve) => setTimeout(resolve, GRACE_MS))]);
    await belongings.close();
    process.exitCode = exitCode(await app.exited);
  });
  const ended = await app.exited;
  await belongings.close();
  return exitCode(ended);
}

function exitCode({ code, signal }) {
  return code ?? 128 + constants.signals[signal];
}
