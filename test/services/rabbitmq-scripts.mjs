// Finds the folder with RabbitMQ's own start scripts; installs the package where that is allowed. NEST_SAGA_TEST_RABBITMQ names
// another folder, for a broker of another version: see rabbitmq-4.mjs.
import { existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, mayAptInstall } from './apt-install.mjs';

const USUAL_FOLDERS = ['/usr/lib/rabbitmq/bin', '/opt/homebrew/opt/rabbitmq/sbin', '/usr/local/opt/rabbitmq/sbin', '/opt/rabbitmq/sbin'];

const REMEDY =
  'run `docker compose up -d` and set AMQP_URL to its RabbitMQ, or install the package `rabbitmq-server` (no root needed to run it)';

/** @param {{ install: boolean }} options `install`: as root on Debian or Ubuntu, install what is missing */
export async function rabbitScripts({ install }) {
  const wanted = process.env.NEST_SAGA_TEST_RABBITMQ;
  if (wanted && !hasScripts(wanted)) throw new Error(`NEST_SAGA_TEST_RABBITMQ: there is no rabbitmq-server and rabbitmqctl in ${wanted}`);
  const found = wanted || find();
  if (found) return found;
  if (!install || !mayAptInstall()) throw new Error(`RabbitMQ is not installed: ${REMEDY}.`);
  try {
    await aptInstall('rabbitmq-server', { isInstalled: () => find() !== undefined });
  } catch (cause) {
    throw new Error(`RabbitMQ is not installed and apt-get could not install it (${cause.message}): ${REMEDY}.`, { cause });
  }
  return find();
}

function find() {
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...USUAL_FOLDERS, ...path].find(hasScripts);
}

// Debian's /usr/sbin/rabbitmq-server changes to the user `rabbitmq` and refuses everybody but root;
// it is a wrapper around the scripts that are wanted here.
function hasScripts(folder) {
  const server = join(folder, 'rabbitmq-server');
  if (!existsSync(server) || !existsSync(join(folder, 'rabbitmqctl'))) return false;
  return !realpathSync(server).endsWith('rabbitmq-script-wrapper');
}
