// One place that listens to the signals that end a launcher, and to crashes. npm forwards a Ctrl-C
// that the terminal has already delivered, so a second signal is normal and changes nothing.
import { constants } from 'node:os';
import { isShell, parentOf } from './process-table.mjs';

const stops = [];
let begun = false;

export const isShuttingDown = () => begun;

/** Registers what must happen before the process ends; the last registered runs first. */
export function beforeExit(stop) {
  if (stops.push(stop) > 1) return;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => void shutDown(signal, 128 + constants.signals[signal]));
  }
  process.on('uncaughtException', (error) => {
    console.error(error);
    void shutDown('SIGTERM', 1);
  });
  exitWithNpm();
}

async function shutDown(signal, code) {
  if (begun) return;
  begun = true;
  for (const stop of stops.toReversed()) {
    await Promise.resolve(stop(signal)).catch((error) => console.error(error));
  }
  process.exit(process.exitCode ?? code);
}

// A killed npm cannot forward anything, but its orphans are handed to another parent.
function exitWithNpm() {
  if (!process.env.npm_lifecycle_event) return;
  const shell = process.ppid;
  const npm = isShell(shell) ? parentOf(shell) : undefined;
  setInterval(() => {
    if (process.ppid !== shell || (npm !== undefined && parentOf(shell) !== npm)) void shutDown('SIGTERM', 143);
  }, 500).unref();
}
