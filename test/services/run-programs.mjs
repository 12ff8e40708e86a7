// Runs the tests that are plain programs, test/programs/*.test.mjs: exit code 0 means passed.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const TIMEOUT_MS = 10 * 60_000;

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
export async function runPrograms({ root, env, belongings }) {
  const folder = join(root, 'test/programs');
  const names = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.test.mjs'))
        .sort()
    : [];
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const name of names) {
    const { reason, output, seconds } = await run(join(folder, name), { root, env, belongings });
    counts[reason === undefined ? 'passed' : 'failed'] += 1;
    console.error(`${reason === undefined ? 'PASS' : 'FAIL'} test/programs/${name} (${seconds} s)`);
    if (reason !== undefined) console.error(`${output.trimEnd()}\n${name} ${reason}`);
  }
  return counts;
}

async function run(file, { root, env, belongings }) {
  const begin = performance.now();
  const child = belongings.spawn(process.execPath, [file], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (data) => (output += data));
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, TIMEOUT_MS);
  const { code, signal } = await child.exited;
  clearTimeout(timer);
  const seconds = ((performance.now() - begin) / 1_000).toFixed(1);
  if (code === 0) return { output, seconds };
  const ending = signal ? `was ended by ${signal}` : `ended with ${code}`;
  return { output, seconds, reason: late ? `did not end within ${TIMEOUT_MS / 60_000} minutes` : ending };
}
