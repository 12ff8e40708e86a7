// The process in which a contender works: it loads one, puts lanes on it when told to, and answers over IPC.
import { runLanes } from './lanes.mjs';
import { startProfile } from './profiler.mjs';

let contender;
let profile;

const commands = {
  async boot({ contender: name, config }) {
    const { boot } = await import(`./contenders/${name}.mjs`);
    contender = await boot(config);
  },
  run: ({ saga, ...load }) => runLanes({ ...load, one: (lane, turn) => contender.one(saga, lane, turn) }),
  /** Makes what this process did in PostgreSQL visible in the statistics there, and says what only this process knows. */
  async settle() {
    await contender.settle?.();
    return { messages: contender.messages?.() ?? null, queries: contender.queries?.() ?? null };
  },
  /** Once, without measuring: some saga that a template of rows can be made of. */
  once: ({ saga }) => contender.start(saga),
  async profile() {
    profile = await startProfile();
  },
  endProfile: () => profile.stop(),
  async close() {
    await contender?.close();
  },
};

process.on('message', async ({ call, command, args }) => {
  try {
    const result = await commands[command](args ?? {});
    process.send({ call, result: result ?? null });
  } catch (error) {
    process.send({ call, error: { message: error.message, stack: error.stack } });
  }
  if (command === 'close') process.disconnect();
});
// A worker whose runner is gone has nobody to work for.
process.once('disconnect', () => process.exit(0));
