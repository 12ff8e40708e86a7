// A lock between processes: an exclusively created file that names its owner. The owner refreshes
// it, so that a lock left behind by a killed process, or by another machine, is taken over.
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const REFRESH_MS = 2_000;
const ABANDONED_MS = 20_000;

export async function withLock(root, name, work) {
  const file = join(root, `.nest-saga-${name}.lock`);
  const owner = JSON.stringify({ pid: process.pid, host: hostname(), id: randomUUID() });
  await acquire(file, owner, name);
  const refresh = setInterval(() => attempt(() => utimesSync(file, new Date(), new Date())), REFRESH_MS);
  const release = () => read(file) === owner && rmSync(file, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    process.removeListener('exit', release);
    release();
  }
}

async function acquire(file, owner, name) {
  let told = false;
  while (!create(file, owner)) {
    const found = read(file);
    if (found !== undefined && isAbandoned(file, found)) {
      takeAway(file, found);
      continue;
    }
    if (!told) console.error(`Waiting for another process that holds ${file} (${name}).`);
    told = true;
    await pause(100);
  }
}

function create(file, content) {
  try {
    writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

// Two waiters may find the same dead owner. Only one may remove the file, or the slower of the two
// would remove the lock that the quicker one has taken meanwhile.
function takeAway(file, expected) {
  const permit = `${file}.takeover`;
  if (!create(permit, expected)) {
    if (ageMs(permit) > ABANDONED_MS) rmSync(permit, { force: true });
    return;
  }
  if (read(file) === expected) rmSync(file, { force: true });
  rmSync(permit, { force: true });
}

function isAbandoned(file, content) {
  if (ageMs(file) > ABANDONED_MS) return true;
  // Between its creation and its first write the file is empty: somebody is just taking the lock.
  if (!content.trimEnd().endsWith('}')) return false;
  const { pid, host } = JSON.parse(content);
  return host === hostname() && !isAlive(pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

const read = (file) => attempt(() => readFileSync(file, 'utf8'));
const ageMs = (file) => Date.now() - (attempt(() => statSync(file).mtimeMs) ?? Date.now());

function attempt(action) {
  try {
    return action();
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  }
}
