// Compiles the library and a sample, only if a source has changed since the last time.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Belongings } from './belongings.mjs';
import { withLock } from './lock.mjs';
import { beforeExit } from './shutdown.mjs';

/** @param {{ root: string, sample: string }} options `sample`: its folder, relative to `root` */
export async function ensureBuilt({ root, sample }) {
  await withLock(root, 'build', async () => {
    const stamp = join(root, 'node_modules', '.nest-saga-build');
    const outputs = ['dist/index.js', `${sample}/dist/main.js`].map((file) => join(root, file));
    const sources = hashOfSources(root, sample);
    const known = existsSync(stamp) && readFileSync(stamp, 'utf8') === sources;
    if (known && outputs.every((file) => existsSync(file))) return;
    console.error('Compiling …');
    for (const project of ['tsconfig.build.json', `${sample}/tsconfig.json`]) await compile(root, project);
    writeFileSync(stamp, sources);
  });
}

async function compile(root, project) {
  const belongings = new Belongings();
  beforeExit(() => belongings.close());
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const child = belongings.spawn(process.execPath, [tsc, '-p', project], { cwd: root, stdio: ['ignore', 2, 2] });
  const { code } = await child.exited;
  await belongings.close();
  if (code !== 0) throw new Error(`tsc -p ${project} ended with ${code}: correct what it reports above.`);
}

// Contents, not times: a checkout changes the times of files that are the same.
function hashOfSources(root, sample) {
  const settings = readdirSync(root).filter((name) => /^(tsconfig.*|package(-lock)?)\.json$/.test(name));
  const hash = createHash('sha256');
  for (const file of [...settings, ...filesBelow(root, 'lib'), ...filesBelow(root, sample)].sort()) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

function filesBelow(root, folder) {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    if (['dist', 'node_modules'].includes(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(root, path) : entry.isFile() ? [path] : [];
  });
}
