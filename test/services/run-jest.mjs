// Runs jest, whose output goes to the terminal, and returns its numbers.
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isShuttingDown } from './shutdown.mjs';

/** @returns {Promise<{ passed: number, failed: number, skipped: number }>} */
export async function runJest({ root, args, env, belongings }) {
  const results = join(belongings.makeFolder(tmpdir(), 'nest-saga-jest-'), 'results.json');
  const jest = join(root, 'node_modules/jest/bin/jest.js');
  const fixed = ['--config', join(root, 'jest.config.cjs'), '--json', '--outputFile', results];
  const child = belongings.spawn(process.execPath, [jest, ...fixed, ...args], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const { code, signal } = await child.exited;
  const counts = read(results);
  if (code === 0 || counts.failed > 0 || isShuttingDown()) return counts;
  console.error(`jest ended with ${code ?? signal} although it reported no failed test; that counts as one.`);
  return { ...counts, failed: 1 };
}

function read(file) {
  try {
    const results = JSON.parse(readFileSync(file, 'utf8'));
    return {
      passed: results.numPassedTests,
      // A suite that did not even load has no tests to count.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 0, skipped: 0 };
  }
}
