// Starts a throw-away pgbouncer in transaction mode, on a free port of 127.0.0.1, in front of a given PostgreSQL.
import { chownSync, closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { aptInstall, mayAptInstall } from './apt-install.mjs';
import { Belongings } from './belongings.mjs';
import { sendToGroup } from './clean-up.mjs';
import { freePort } from './free-port.mjs';
import { postgresUser } from './postgres-user.mjs';
import { acceptsTcp, untilTrue } from './rabbitmq-ready.mjs';

const USUAL_FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];
const REMEDY = 'install the package `pgbouncer` (no root needed to run it)';
const START_TIMEOUT_MS = 15_000;

/**
 * @param {{ url: string, poolSize?: number, ignored?: string, belongings?: Belongings }} options `url`: of the PostgreSQL behind it;
 *   `poolSize`: how many connections to that; `ignored`: startup parameters that it does not mind
 * @returns `url`: of the same database by way of it; `restart()`, which drops every connection; `stop()`
 */
export async function startPgbouncer({ url, poolSize = 5, ignored = 'extra_float_digits,options', belongings = new Belongings() }) {
  try {
    const program = await findOrInstall();
    const port = await freePort();
    const user = postgresUser();
    // Not below TMPDIR: as root it runs as somebody else, who has to be able to enter the folder.
    const folder = belongings.makeFolder('/tmp', 'nest-saga-pgbouncer-', 0o755);
    const config = writeConfig({ folder, url: new URL(url), port, poolSize, ignored, user });
    const log = join(folder, 'log');
    const start = async () => {
      const output = openSync(log, 'a', 0o600);
      const child = belongings.spawn(program, ['-q', config], { ...user, cwd: '/', env: {}, stdio: ['ignore', output, output] });
      closeSync(output);
      if (!(await untilTrue(() => acceptsTcp(port), child, START_TIMEOUT_MS)))
        throw new Error(`pgbouncer did not start. The end of its log:\n${readFileSync(log, 'utf8').slice(-2_000)}`);
      return child;
    };
    let server = await start();
    const own = new URL(url);
    own.hostname = '127.0.0.1';
    own.port = String(port);
    return {
      url: own.href,
      restart: async () => {
        sendToGroup(server.pid, 'SIGTERM'); // at once, whatever is open: SIGINT would wait for transactions
        await server.exited;
        server = await start();
      },
      stop: () => belongings.close(),
    };
  } catch (error) {
    await belongings.close();
    throw error;
  }
}

function writeConfig({ folder, url, port, poolSize, ignored, user }) {
  const users = join(folder, 'users');
  const config = join(folder, 'pgbouncer.ini');
  const quoted = (text) => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  writeFileSync(users, `${quoted(url.username)} ${quoted(url.password)}\n`, { mode: 0o600 });
  writeFileSync(
    config,
    `[databases]
* = host=${url.hostname} port=${url.port || 5432}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
server_login_retry = 1
ignore_startup_parameters = ${ignored}
`,
    { mode: 0o600 },
  );
  if (user.uid !== undefined) for (const path of [users, config]) chownSync(path, user.uid, user.gid);
  return config;
}

async function findOrInstall() {
  const found = find();
  if (found) return found;
  if (!mayAptInstall()) throw new Error(`pgbouncer is not installed: ${REMEDY}.`);
  try {
    await aptInstall('pgbouncer', { isInstalled: () => find() !== undefined });
  } catch (cause) {
    throw new Error(`pgbouncer is not installed and apt-get could not install it (${cause.message}): ${REMEDY}.`, { cause });
  }
  return find();
}

function find() {
  const path = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  return [...path, ...USUAL_FOLDERS].map((folder) => join(folder, 'pgbouncer')).find((file) => existsSync(file));
}
