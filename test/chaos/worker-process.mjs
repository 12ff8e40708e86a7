// The test's side of a worker: a child process that takes commands, and can be stopped dead.
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./worker.mjs', import.meta.url));

export class WorkerProcess {
  #calls = new Map();
  #number = 0;
  #child;
  /** Resolves when the process is gone, however. */
  exited;
  isGone = false;
  /** Somebody here wanted it dead: an exit without this is a fault of the engine. */
  wasKilled = false;

  constructor(belongings, env = {}) {
    this.#child = belongings.spawn(process.execPath, [PROGRAM], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      endWith: 'SIGKILL',
    });
    this.loaded = new Promise((resolve) => this.#child.once('message', resolve));
    this.#child.on('message', ({ number, value, error }) => {
      const call = this.#calls.get(number);
      this.#calls.delete(number);
      if (error === undefined) call?.resolve(value);
      else call?.reject(new Error(error));
    });
    this.exited = this.#child.exited.then((how) => {
      this.isGone = true;
      for (const call of this.#calls.values()) call.reject(new WorkerGone());
      this.#calls.clear();
      return how;
    });
    this.#child.on('error', () => undefined);
  }

  get pid() {
    return this.#child.pid;
  }

  /** Rejects with `WorkerGone` when the process ends first. */
  async call(command, options = {}) {
    if (this.isGone) throw new WorkerGone();
    await Promise.race([this.loaded, this.exited]);
    return new Promise((resolve, reject) => {
      if (this.isGone || !this.#child.connected) return reject(new WorkerGone());
      const number = ++this.#number;
      this.#calls.set(number, { resolve, reject });
      this.#child.send({ number, command, ...options }, () => undefined);
    });
  }

  kill() {
    this.wasKilled = true;
    this.signal('SIGKILL');
  }

  signal(signal) {
    try {
      process.kill(this.pid, signal);
    } catch {
      // Gone already.
    }
  }
}

export class WorkerGone extends Error {
  constructor() {
    super('the worker is gone');
  }
}
