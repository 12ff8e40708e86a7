// Makes sure that node_modules holds what package-lock.json says, and runs `npm ci` only if not.
// As a program: `node test/services/install.mjs`.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';
import { Belongings } from './belongings.mjs';
import { withLock } from './lock.mjs';
import { beforeExit, isShuttingDown } from './shutdown.mjs';

export { withLock };

export async function ensureInstalled(root) {
  if (stampMatches(root)) return;
  await withLock(root, 'install', async () => {
    if (stampMatches(root)) return;
    if (!installedByHand(root)) await npmCi(root);
    writeFileSync(stampFile(root), lockHash(root));
  });
}

const stampFile = (root) => join(root, 'node_modules', '.nest-saga-lock');
const lockHash = (root) =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
const stampMatches = (root) => existsSync(stampFile(root)) && readFileSync(stampFile(root), 'utf8') === lockHash(root);

// npm notes in node_modules/.package-lock.json, at the end of an installation, what it installed.
function installedByHand(root) {
  const note = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(note)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const found = packagesOf(note);
  return (
    Object.keys(found).every((path) => path in wanted && existsSync(join(root, path))) &&
    Object.entries(wanted).every(([path, { optional, version, integrity, resolved }]) => {
      const installed = found[path];
      if (!installed) return path === '' || optional === true;
      return installed.version === version && (installed.integrity === integrity || installed.resolved === resolved);
    })
  );
}

const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages ?? {};

async function npmCi(root) {
  console.error('Installing the dependencies of package-lock.json (npm ci) …');
  const npm = process.env.npm_execpath?.endsWith('npm-cli.js')
    ? [process.execPath, process.env.npm_execpath]
    : [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  const belongings = new Belongings();
  beforeExit(() => belongings.close());
  const [command, ...args] = [...npm, 'ci', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline'];
  // stdout belongs to the caller's own result, such as the last line of `npm test`.
  const child = belongings.spawn(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  const { code, error } = await child.exited;
  await belongings.close();
  if (code !== 0) {
    const reason = error?.message ?? `exit code ${code}`;
    throw new Error(`npm ci failed in ${root} (${reason}): npm names the cause above; correct it and try again.`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await ensureInstalled(fileURLToPath(new URL('../..', import.meta.url)));
  } catch (error) {
    if (!isShuttingDown()) console.error(error.message);
    process.exitCode = 1;
  }
}
