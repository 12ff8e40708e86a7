// Installs a Debian package without letting it start its service.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Belongings } from './belongings.mjs';
import { withLock } from './lock.mjs';
import { beforeExit } from './shutdown.mjs';

// Debian's maintainer scripts ask this program before they start a service; 101 forbids it.
const POLICY = '/usr/sbin/policy-rc.d';
const KEPT_POLICY = `${POLICY}.kept-by-nest-saga`;
const FORBID = '#!/bin/sh\nexit 101\n';

/** As root on Debian or Ubuntu. */
export function mayAptInstall() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

export async function aptInstall(name, { isInstalled }) {
  await withLock(tmpdir(), 'apt', async () => {
    if (isInstalled()) return;
    console.error(`Installing ${name} (apt-get, once on this machine) …`);
    const belongings = new Belongings();
    beforeExit(() => belongings.close());
    const allowServices = forbidServices(name, belongings);
    try {
      // A stale index is often good enough, so a failed update does not end the attempt.
      await aptGet(belongings, ['update']);
      await aptGet(belongings, ['install', '-y', '--no-install-recommends', name], { mustSucceed: true });
      // Nor may it start when the machine does.
      spawnSync('/usr/sbin/update-rc.d', [name, 'disable'], { stdio: 'ignore' });
    } finally {
      await belongings.close();
      allowServices();
    }
  });
}

/** Otherwise nothing can be installed, or must not be without asking. */
function isRootOnDebian() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'));
}

async function aptGet(belongings, args, { mustSucceed = false } = {}) {
  const child = belongings.spawn('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Ended halfway, dpkg leaves a package that has to be repaired by hand: it is waited for instead.
    endWith: 'SIGCONT',
    graceMs: 120_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  const { code } = await child.exited;
  if (code === 0) return;
  const reason = output.trim().split('\n').slice(-5).join('; ') || 'no output';
  if (mustSucceed) throw new Error(`apt-get ${args[0]} ended with ${code}: ${reason}`);
  console.error(`apt-get ${args[0]} ended with ${code}, going on: ${reason}`);
}

function forbidServices(service, belongings) {
  if (alreadyForbidden(service)) return () => {};
  const kept = existsSync(POLICY);
  if (kept) renameSync(POLICY, KEPT_POLICY);
  belongings.own(POLICY);
  writeFileSync(POLICY, FORBID, { mode: 0o755 });
  return () => kept && renameSync(KEPT_POLICY, POLICY);
}

// Container images usually bring such a policy with them.
const alreadyForbidden = (service) => existsSync(POLICY) && spawnSync(POLICY, [service, 'start']).status === 101;
