// RabbitMQ 4 for the tests, beside whatever is installed: Debian 13's package (4.0.5) in a root folder of its own. As root on Debian.
//   NEST_SAGA_TEST_RABBITMQ=$(node test/services/rabbitmq-4.mjs) npm test            everything
//   NEST_SAGA_TEST_RABBITMQ=$(node test/services/rabbitmq-4.mjs) npm run test:chaos
// Prints a folder with rabbitmq-server, rabbitmqctl and epmd in it. A RabbitMQ unpacked by hand serves as well: name its sbin folder.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { aptInstall } from './apt-install.mjs';
import { withLock } from './lock.mjs';

const SUITE = 'trixie';
const folder = resolve(process.argv[2] ?? join(tmpdir(), 'nest-saga-rabbitmq-4'));
const root = join(folder, 'root');
const PROGRAMS = { 'rabbitmq-server': '/usr/lib/rabbitmq/bin', rabbitmqctl: '/usr/lib/rabbitmq/bin', epmd: '/usr/bin' };

await withLock(tmpdir(), 'rabbitmq-4', async () => {
  if (!existsSync(root)) await bootstrap();
  writePrograms();
});
console.log(join(folder, 'bin'));

async function bootstrap() {
  const isInstalled = () => existsSync('/usr/sbin/debootstrap');
  await aptInstall('debootstrap', { isInstalled });
  console.error(`Unpacking Debian ${SUITE} with RabbitMQ into ${root} (once on this machine, some minutes) …`);
  // Under another name until it is whole: an interrupted attempt must not be taken for a broker.
  const unfinished = `${root}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = ['--variant=minbase', '--include=rabbitmq-server', SUITE, unfinished, mirror()];
  const { status } = spawnSync('debootstrap', options, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`debootstrap ended with ${status}`);
  renameSync(unfinished, root);
}

function mirror() {
  const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)';
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], { encoding: 'utf8' });
  const debian = stdout.split('\n').find((line) => line.startsWith('Debian|Debian|'));
  if (debian === undefined) throw new Error('apt knows no mirror of Debian: debootstrap needs one. Add it to /etc/apt/sources.list.');
  return debian.split('|')[2];
}

// Mounts of a namespace of its own go with the process: nothing has to be unmounted, whatever is killed. Each program replaces the one
// before it, so that the process id stays and a signal reaches the broker.
function writePrograms() {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  mkdirSync(join(root, tmpdir()), { recursive: true });
  for (const [name, where] of Object.entries(PROGRAMS)) {
    const inside = `mount --rbind '${tmpdir()}' '${root}${tmpdir()}' && mount -t proc proc '${root}/proc' && exec chroot '${root}' ${where}/${name} "$@"`;
    const script = `#!/bin/sh\nexec unshare --mount sh -c ${quoted(inside)} ${name} "$@"\n`;
    writeFileSync(join(folder, 'bin', name), script, { mode: 0o755 });
  }
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
