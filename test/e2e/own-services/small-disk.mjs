// A disk that can be full, for the tables of one database.
import { execFileSync } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { postgresUser } from '../../services/postgres-user.mjs';

// This process has a mount namespace of its own (see own-service.ts), so nobody else sees what is mounted here, and it goes with us.
const MOUNT = '/mnt';

/** Space runs out for real: the kernel answers ENOSPC. */
export async function mountedDisk({ admin }) {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m,mode=0755', 'none', MOUNT]);
  const tables = `${MOUNT}/tables`;
  mkdirSync(tables, { mode: 0o700 });
  const { uid, gid } = postgresUser();
  chownSync(tables, uid, gid);
  await admin.query(`CREATE TABLESPACE small LOCATION '${tables}'`);
  await admin.query('CREATE DATABASE small TABLESPACE small');
  const filler = `${MOUNT}/filler`;
  return {
    database: 'small',
    fill: async () => writeUntilFull(filler),
    free: async () => rmSync(filler),
  };
}

/** For who may not mount anything: no file of the server grows beyond a size. Its segments of the log stay below. */
export async function limitedFiles({ admin, pid }) {
  await admin.query('CREATE DATABASE small');
  const limit = (size) => {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    // The server first: what it starts meanwhile has the limit already.
    for (const each of [pid, ...children]) {
      try {
        execFileSync('prlimit', ['--pid', String(each), `--fsize=${size}:`], { ...postgresUser(), cwd: '/', stdio: 'pipe' });
      } catch (error) {
        if (each === pid || error.code === 'ENOENT')
          throw new Error(`prlimit (of util-linux) is needed here: ${error.message}`, { cause: error });
      }
    }
  };
  return { database: 'small', fill: async () => limit(16 * 1024 * 1024), free: async () => limit('unlimited') };
}

function writeUntilFull(file) {
  const output = openSync(file, 'w');
  try {
    for (const chunk of [Buffer.alloc(1024 * 1024), Buffer.alloc(4096)]) {
      try {
        for (;;) writeSync(output, chunk);
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(output);
  }
}
