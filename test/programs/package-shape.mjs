// Packs the library as npm would and checks what strangers get: the exports map, the types of every door, which files are inside, and
// that no vendor's types are needed to compile against ours.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'nest-saga-pack-'));
const run = (command, args) => execFileSync(command, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
const bin = (name) => join(root, 'node_modules', '.bin', name);
const problems = [];
/** What comes with the package by itself. */
const OWN = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies);

try {
  run('npm', ['pack', '--silent', '--pack-destination', folder]);
  const tarball = join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.tgz')),
  );
  process.stdout.write(run(bin('publint'), ['run', tarball, '--strict']));
  process.stdout.write(run(bin('attw'), [tarball, '--format', 'ascii', '--no-emoji', '--profile', 'node16']));
  checkFiles(run('tar', ['tzf', tarball]).trim().split('\n'));
  for (const door of ['index', 'testing/index']) checkTypes(join(root, 'dist', `${door}.d.ts`));
} catch (error) {
  problems.push(`${error.message}\n${error.stdout ?? ''}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(`package: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkFiles(files) {
  const expected = /^package\/(dist\/|docs\/|package\.json$|README\.md$|LICENSE$|CHANGELOG\.md$)/;
  for (const file of files)
    if (!expected.test(file) || /\.spec\.|tsbuildinfo/.test(file)) problems.push(`${file} should not be in the package`);
  for (const file of ['package/LICENSE', 'package/README.md', 'package/CHANGELOG.md'])
    if (!files.includes(file)) problems.push(`${file} is missing`);
}

/** Follows the imports of a door's declarations: an optional peer that is named there would be needed by everybody. */
function checkTypes(door, seen = new Set()) {
  if (seen.has(door) || !existsSync(door)) return;
  seen.add(door);
  for (const [, from] of readFileSync(door, 'utf8').matchAll(/(?:from|import\()\s*['"]([^'"]+)['"]/g)) {
    if (!from.startsWith('.')) {
      const isThere = /^(@nestjs\/(common|core)|rxjs)$/.test(from) || OWN.includes(from) || from.startsWith('node:');
      if (!isThere) problems.push(`${door} leaks the types of ${from}`);
      continue;
    }
    const target = resolve(dirname(door), from);
    checkTypes(existsSync(`${target}.d.ts`) ? `${target}.d.ts` : join(target, 'index.d.ts'), seen);
  }
}
