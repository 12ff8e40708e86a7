// DBOS Transact: the same three steps as a workflow in one process, its tables in the same PostgreSQL, with its defaults.
import { createRequire } from 'node:module';
import { watchPg } from './pg-clients.mjs';

const require = createRequire(import.meta.url);

export async function boot({ databaseUrl }) {
  const { settle, queries } = watchPg(require('pg'));
  const { DBOS } = require('@dbos-inc/dbos-sdk');
  const step = async () => ({ done: true });
  const undo = async () => {};
  const failing = async () => {
    throw new Error('asked to fail');
  };
  const happy = async () => {
    for (const name of ['a', 'b', 'c']) await DBOS.runStep(step, { name });
    return 'completed';
  };
  const compensated = async () => {
    try {
      await DBOS.runStep(step, { name: 'a' });
      await DBOS.runStep(step, { name: 'b' });
      await DBOS.runStep(failing, { name: 'c' });
      return 'completed';
    } catch {
      for (const name of ['undo b', 'undo a']) await DBOS.runStep(undo, { name });
      return 'compensated';
    }
  };
  const workflows = {
    happy: { run: DBOS.registerWorkflow(happy, { name: 'happy' }), expected: 'completed' },
    compensated: { run: DBOS.registerWorkflow(compensated, { name: 'compensated' }), expected: 'compensated' },
  };
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: databaseUrl, logLevel: 'error' });
  await DBOS.launch();
  return {
    async one(saga) {
      const { run, expected } = workflows[saga];
      const handle = await DBOS.startWorkflow(run)();
      const result = await handle.getResult();
      if (result !== expected) throw new Error(`a workflow is ${result}, not ${expected}`);
    },
    settle,
    queries,
    close: () => DBOS.shutdown(),
  };
}
