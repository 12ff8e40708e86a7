// The Node that all contenders run on: the same for each, or the newer one would be compared as well.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** The long-term support line that bench/package.json pins; Restate's SDK needs 22 at least. */
const LINE = 24;

/** @param {boolean} this_ whether the Node that runs this command is asked for, however old it is */
export function nodeOf(this_) {
  return this_ || isNew() ? process.execPath : require.resolve(`node-${process.platform}-${process.arch}/bin/node`);
}

/** Whether nothing has to be installed for it. */
export const isNew = () => Number(process.versions.node.split('.')[0]) >= LINE;

export const versionOf = (execPath) => execFileSync(execPath, ['--version']).toString().trim();
