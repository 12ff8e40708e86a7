// Compiles the library and a sample, only if a source has changed since the last time.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Belongings } from './belongings.mjs';
import { withLock } from './lock.mjs';
import { beforeExit } from './shutdown.mjs';

/** @param {{ root: string, sample: string }} options `sample`: its folder, relative to `root` */
export async function ensureBuilt({ root, sample }) {
  await withLock(root, 'build', async () => {
    await compileIfChanged(root, { project: 'tsconfig.build.json', folder: 'lib', output: 'dist/index.js' });
    await compileIfChanged(root, { project: `${sample}/tsconfig.json`, folder: sample, output: `${sample}/dist/main.js` });
  });
}

// Each has a stamp of its own: who builds one sample must not rewrite the library under another that runs.
async function compileIfChanged(root, { project, folder, output }) {
  const stamp = join(root, 'node_modules', `.nest-saga-build-${basename(folder)}`);
  const sources = hashOfSources(root, folder);
  const known = existsSync(stamp) && readFileSync(stamp, 'utf8') === sources;
  if (known && existsSync(join(root, output))) return;
  console.error(`Compiling ${folder} …`);
  await compile(root, project);
  writeFileSync(stamp, sources);
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
// With the library's: a sample is checked against its types.
function hashOfSources(root, folder) {
  const settings = readdirSync(root).filter((name) => /^(tsconfig.*|package(-lock)?)\.json$/.test(name));
  const folders = [...new Set(['lib', folder])];
  const hash = createHash('sha256');
  for (const file of [...settings, ...folders.flatMap((one) => filesBelow(root, one))].sort()) {
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
