// Packs the library as npm would and checks what strangers get: the exports map, the types of every door, which files are inside, and
// that no vendor's types are needed to compile against ours, and that no link of the pages inside leads out of them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, resolve } from 'node:path';
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
  const files = run('tar', ['tzf', tarball]).trim().split('\n');
  checkFiles(files);
  checkLinks(files);
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

/** Of the pages that come with the package. The README is the repository's as well, and may also lead to what is only there. */
function checkLinks(files) {
  for (const page of files.filter((file) => /^package\/(docs\/.*|README)\.md$/.test(file))) {
    const isThere = (file) =>
      files.includes(file) || (page === 'package/README.md' && existsSync(join(root, file.slice('package/'.length))));
    const text = readFileSync(join(root, page.slice('package/'.length)), 'utf8');
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|mailto:)/.test(link)) continue;
      const [target, anchor] = link.split('#');
      const file = target === '' ? page : posix.join(posix.dirname(page), target);
      if (!isThere(file)) problems.push(`${page}: ${link} is not in the package`);
      else if (anchor !== undefined && !anchorsOf(file).includes(anchor)) problems.push(`${page}: ${link} has no such heading`);
    }
  }
}

/** As GitHub makes them of headings. */
function anchorsOf(file) {
  const text = readFileSync(join(root, file.slice('package/'.length)), 'utf8');
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  );
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
