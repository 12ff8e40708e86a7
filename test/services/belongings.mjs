// What a service owns: its processes and its throw-away folders. The watchdog is told of each
// before anything else happens, so that nothing outlives this process.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanUp, groupEnded, sendToGroup } from './clean-up.mjs';

const everyone = new Set();
let watchdog;

export class Belongings {
  #processes = new Map();
  #folders = new Set();
  #closed;

  constructor() {
    everyone.add(this);
  }

  /** Makes a folder that is deleted on `close()`. */
  makeFolder(parent, prefix, mode = 0o700) {
    const folder = mkdtempSync(join(parent, prefix));
    this.own(folder);
    chmodSync(folder, mode);
    return folder;
  }

  /** Has a file or folder deleted on `close()`. */
  own(path) {
    this.#folders.add(path);
    this.#report();
  }

  /**
   * Like `child_process.spawn`, as the leader of an own process group: a Ctrl-C in the terminal
   * reaches the launcher only, which then ends everything in the right order.
   */
  spawn(command, args, { endWith = 'SIGTERM', graceMs = 5_000, ...options } = {}) {
    if (this.#closed) throw new Error(`${command} is not started because a shutdown has begun`);
    const child = spawn(command, args, { ...options, detached: true });
    const { pid } = child;
    child.exited = new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: 127, signal: null, error }));
      child.once('exit', (code, signal) => resolve({ code, signal }));
    });
    if (pid !== undefined) {
      this.#processes.set(pid, { pid, signal: endWith, graceMs });
      this.#report();
      void child.exited.then(() => this.#forgetWhenEmpty(pid));
    }
    return child;
  }

  /** Ends the processes, newest first, then deletes the folders. */
  close() {
    this.#closed ??= cleanUp(this.#owned()).then(() => {
      this.#processes.clear();
      this.#folders.clear();
      everyone.delete(this);
      tellWatchdog();
    });
    return this.#closed;
  }

  // The leader may end before the rest of its group; the pid is not reused while a member lives.
  async #forgetWhenEmpty(pid) {
    if (!(await groupEnded(pid, 1_000))) sendToGroup(pid, 'SIGKILL');
    this.#processes.delete(pid);
    this.#report();
  }

  #owned() {
    return { processes: [...this.#processes.values()], folders: [...this.#folders] };
  }

  #report() {
    watchdog ??= startWatchdog();
    tellWatchdog();
  }

  static all() {
    const owned = [...everyone].map((each) => each.#owned());
    return {
      processes: owned.flatMap(({ processes }) => processes),
      folders: owned.flatMap(({ folders }) => folders),
    };
  }
}

function startWatchdog() {
  const program = fileURLToPath(new URL('./watchdog.mjs', import.meta.url));
  const child = spawn(process.execPath, [program], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => {});
  child.unref();
  child.stdin.unref?.();
  return child;
}

function tellWatchdog() {
  watchdog?.stdin.write(`${JSON.stringify(Belongings.all())}\n`);
}
