// Starts a throw-away PostgreSQL on a free port of 127.0.0.1, or uses the one of DATABASE_URL.
import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, openSync, closeSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Belongings } from './belongings.mjs';
import { freePort } from './free-port.mjs';
import { postgresBinaries } from './postgres-binaries.mjs';
import { postgresUser } from './postgres-user.mjs';

const ATTEMPTS = 3;
const START_TIMEOUT_MS = 30_000;

/**
 * @param {{ root: string, fast?: boolean, settings?: object, belongings?: Belongings }} options `fast` gives
 *   up what survives a crash of the machine (not of a process); the data is thrown away anyway. `settings`: of postgresql.conf.
 * @returns {Promise<{ url: string, pid?: number, port?: number, stop: () => Promise<void> }>}
 */
export async function startPostgres({ root, fast = false, settings = {}, belongings = new Belongings() }) {
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, stop: async () => {} };
  try {
    return await start({ root, fast, settings, belongings });
  } catch (error) {
    await belongings.close();
    throw error;
  }
}

async function start({ root, fast, settings, belongings }) {
  const user = postgresUser();
  const folder = belongings.makeFolder(reachableTmpdir(), 'nest-saga-postgres-', 0o755);
  const bin = postgresBinaries({ root, user, makeFolder: () => folder });
  const data = join(folder, 'data');
  const log = join(folder, 'log');
  const password = randomBytes(24).toString('hex');
  writeFileSync(join(folder, 'password'), password, { mode: 0o600 });
  mkdirSync(data, { mode: 0o700 });
  if (user.uid !== undefined) for (const path of [data, join(folder, 'password')]) chownSync(path, user.uid, user.gid);

  const run = (program, args, how) => {
    const output = openSync(log, 'a', 0o600);
    try {
      // LC_ALL: a locale the machine does not have would stop the server.
      const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
      return belongings.spawn(join(bin, program), args, { ...user, ...how, cwd: data, env, stdio: ['ignore', output, output] });
    } finally {
      closeSync(output);
    }
  };

  const initdb = run('initdb', [
    ...['-D', data, '-U', 'postgres', '-A', 'scram-sha-256', `--pwfile=${join(folder, 'password')}`],
    ...['-E', 'UTF8', '--no-locale', '--no-sync', '--no-instructions'],
  ]);
  if ((await initdb.exited).code !== 0) throw new Error(failure('initdb failed', log));

  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = run('postgres', ['-D', data, ...options({ port, fast, settings })], { endWith: 'SIGINT' });
    if (await isReady(server, data)) {
      const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
      return { url, pid: server.pid, port, stop: () => belongings.close() };
    }
    const portTaken = readFileSync(log, 'utf8').includes('Address already in use');
    if (!portTaken || attempt === ATTEMPTS) throw new Error(failure('PostgreSQL did not start', log));
    writeFileSync(log, '');
  }
}

function options({ port, fast, settings }) {
  const values = {
    port,
    listen_addresses: '127.0.0.1',
    // No socket file: its path may be longer than the 107 bytes that the kernel allows.
    unix_socket_directories: '',
    max_connections: 200,
    ...(fast && { fsync: 'off', full_page_writes: 'off' }),
    ...settings,
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

// The server itself writes into this file when it takes connections; pg_ctl waits for it as well.
async function isReady(server, data) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let ended = false;
  void server.exited.then(() => (ended = true));
  while (!ended && Date.now() < deadline) {
    const lines = readIfThere(join(data, 'postmaster.pid')).split('\n');
    if (lines[0] === String(server.pid) && lines[7]?.trim() === 'ready') return true;
    await pause(10);
  }
  return false;
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function failure(what, log) {
  return `${what}: set DATABASE_URL to use another server. The end of its log:\n${readIfThere(log).slice(-2_000)}`;
}

// As root the server runs as somebody else, who has to be able to enter the folder.
function reachableTmpdir() {
  const wanted = tmpdir();
  if (process.getuid?.() !== 0) return wanted;
  for (let folder = wanted; folder !== dirname(folder); folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return '/tmp';
  }
  return wanted;
}
