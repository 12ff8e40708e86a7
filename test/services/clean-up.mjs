// Ends processes and deletes folders. Used by the launcher when all goes well and by the watchdog
// when the launcher was killed, so that both leave the machine in the same state.
import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isZombie } from './process-table.mjs';

/**
 * Every process leads its own group. The newest goes first: what was started later uses what was
 * started before.
 *
 * @param {{ processes: { pid: number, signal: string, graceMs: number }[], folders: string[] }} belongings
 */
export async function cleanUp({ processes, folders }) {
  for (const { pid, signal, graceMs } of [...processes].reverse()) {
    sendToGroup(pid, signal);
    if (await groupEnded(pid, graceMs)) continue;
    sendToGroup(pid, 'SIGKILL');
    await groupEnded(pid, 2_000);
  }
  for (const folder of folders) {
    // Children of a killed server may still write for a moment; rm retries on ENOTEMPTY.
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }).catch(() => {});
  }
}

export function sendToGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

export async function groupEnded(pid, withinMs) {
  const deadline = Date.now() + withinMs;
  while (sendToGroup(pid, 0)) {
    if (isZombie(pid)) {
      // What the leader has left behind is not worth waiting for.
      sendToGroup(pid, 'SIGKILL');
      return true;
    }
    if (Date.now() > deadline) return false;
    await pause(10);
  }
  return true;
}
