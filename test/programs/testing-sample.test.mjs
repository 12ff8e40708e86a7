// The sample of the test kit, on the test runner of Node: its tests pass, and nothing of a kit keeps its process alive.
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { withLock } from '../services/lock.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sample = join(root, 'sample/05-testing');
const run = promisify(execFile);
// Not at once: the lock has to be kept fresh meanwhile.
const compile = (project) => run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], { cwd: root });

await withLock(root, 'build', async () => {
  await compile('tsconfig.build.json');
  await compile(join(sample, 'tsconfig.json'));
});
const { status, stdout, stderr } = spawnSync(
  process.execPath,
  ['--test', '--test-reporter', 'tap', join(sample, 'dist/trip.saga.test.js')],
  {
    encoding: 'utf8',
    timeout: 60_000,
    env: { PATH: process.env.PATH },
  },
);
if (status !== 0) throw new Error(`the tests of sample/05-testing ended with ${status}\n${stdout}\n${stderr}`);
const [, passed] = /^# pass (\d+)$/m.exec(stdout) ?? [];
const [summary] = /\d+ cases: .*/.exec(stdout) ?? ['explored nothing'];
if (Number(passed) < 7 || !/cases: \d+ completed/.test(summary)) throw new Error(`not all of its tests have run:\n${stdout}`);
console.log(`${passed} tests passed; ${summary}`);
