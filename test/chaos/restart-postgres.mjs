// What `pg_ctl restart -m immediate` does: the server drops everything where it stands, and recovers from its log when it is back.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { isZombie } from '../services/process-table.mjs';
import { postgresUser } from '../services/postgres-user.mjs';
import { until } from './until.mjs';

const STOP_MS = 10_000;
const START_MS = 20_000;

/** @returns a function that restarts the server; it stays down for `downMs` */
export function postgresRestarter({ postgres, belongings }) {
  let { pid } = postgres;
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  return async (downMs) => {
    process.kill(pid, 'SIGQUIT');
    if (!(await until(async () => (isGone(pid) ? true : undefined), STOP_MS))) throw new Error('PostgreSQL did not stop');
    await new Promise((resolve) => setTimeout(resolve, downMs));
    const [program, ...args] = command;
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    const child = belongings.spawn(program, args, { ...postgresUser(), cwd: '/', env, stdio: 'ignore', endWith: 'SIGINT' });
    if (child.pid === undefined) await once(child, 'error');
    ({ pid } = child);
    if (!(await until(() => answers(postgres.url), START_MS, 50))) throw new Error('PostgreSQL did not come back');
  };
}

function isGone(pid) {
  if (isZombie(pid)) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function answers(url) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SELECT 1');
  await client.end();
  return true;
}
