// A worker.mjs in a process of its own, seen from the runner.
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./worker.mjs', import.meta.url));

/** @param {{ belongings: import('../test/services/belongings.mjs').Belongings, execPath: string }} options */
export function startWorker({ belongings, execPath }) {
  const child = belongings.spawn(execPath, ['--no-deprecation', program], { stdio: ['ignore', 2, 2, 'ipc'] });
  const calls = new Map();
  let lastCall = 0;
  child.on('message', ({ call, result, error }) => {
    const { resolve, reject } = calls.get(call);
    calls.delete(call);
    if (error) reject(Object.assign(new Error(error.message), error));
    else resolve(result);
  });
  void child.exited.then(({ code, signal }) => {
    for (const { reject } of calls.values()) reject(new Error(`a worker ended with ${code ?? signal}`));
    calls.clear();
  });
  const ask = (command, args) =>
    new Promise((resolve, reject) => {
      if (!child.connected) return reject(new Error(`a worker is gone before "${command}"`));
      calls.set(++lastCall, { resolve, reject });
      child.send({ call: lastCall, command, args });
    });
  return {
    pid: child.pid,
    ask,
    async close() {
      await ask('close');
      await child.exited;
    },
  };
}
