// `npm test`: installs, starts the services, runs every test, ends with one line of numbers.
//   npm test                      everything
//   npm test -- -t 'some name'    jest's own options work; the plain programs are then left out
//   npm test -- --unit            only what needs no services
import { fileURLToPath } from 'node:url';
import { Belongings } from './belongings.mjs';
import { ensureInstalled } from './install.mjs';
import { runJest } from './run-jest.mjs';
import { runPrograms } from './run-programs.mjs';
import { startServices } from './services.mjs';
import { beforeExit, isShuttingDown } from './shutdown.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const given = process.argv.slice(2);
const unitOnly = given.includes('--unit');
const jestArgs = given.filter((arg) => arg !== '--unit').concat(unitOnly ? ['--selectProjects', 'unit'] : []);
const selects = /^(-t|-o|[^-].*|--(testNamePattern|testPathPatterns?|selectProjects|onlyChanged|findRelatedTests|shard)(=.*)?)$/;
const everything = !unitOnly && !given.some((arg) => selects.test(arg));

const belongings = new Belongings();
let counts;
try {
  await ensureInstalled(root);
  const services = await startServices({
    root,
    postgres: !unitOnly && { fast: true },
    rabbit: !unitOnly && { install: true },
  });
  beforeExit(() => belongings.close());
  const task = { root, env: services.env, belongings };
  const jest = await runJest({ ...task, args: jestArgs });
  counts = everything ? sum(jest, await runPrograms(task)) : jest;
  await belongings.close();
  await services.stop();
} catch (error) {
  if (!isShuttingDown()) console.error(error.message);
  counts = { passed: 0, failed: 1, skipped: 0 };
}
// An interrupted run has no result; the shutdown that is under way ends this process.
if (isShuttingDown()) await new Promise(() => {});

if (counts.passed + counts.failed === 0) console.error('No test ran, which counts as a failure.');
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);

function sum(one, other) {
  return Object.fromEntries(Object.keys(one).map((name) => [name, one[name] + other[name]]));
}
