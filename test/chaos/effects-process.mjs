// The test's side of the effect server.
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('./effect-server.mjs', import.meta.url));

/** @param {{ forgetful?: boolean }} options without tombstones */
export async function startEffects(belongings, { forgetful = false } = {}) {
  const child = belongings.spawn(process.execPath, [PROGRAM, ...(forgetful ? ['--forgetful'] : [])], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const { port } = await new Promise((resolve) => child.once('message', resolve));
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    /** Everything, or what concerns one saga. */
    async ledger(saga) {
      const response = await fetch(`${url}/ledger${saga === undefined ? '' : `?saga=${saga}`}`);
      return response.json();
    },
    /** From now on no undo misbehaves. */
    async heal() {
      await (await fetch(`${url}/heal`, { method: 'POST' })).text();
    },
  };
}
