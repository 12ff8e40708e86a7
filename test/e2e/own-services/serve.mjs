// What every program in this folder does: starts a service for the test that started it, does what that test asks, ends with it.
import { Belongings } from '../../services/belongings.mjs';
import { beforeExit } from '../../services/shutdown.mjs';

/** @param {(belongings: Belongings) => Promise<{ about: object, commands?: Record<string, () => Promise<unknown>> }>} start */
export async function serve(start) {
  const belongings = new Belongings();
  const stop = () => belongings.close();
  beforeExit(stop);
  process.once('disconnect', () => void stop().then(() => process.exit(0)));
  try {
    const { about, commands = {} } = await start(belongings);
    process.on('message', (command) => void answer(() => commands[command]()));
    process.send({ answer: about });
  } catch (error) {
    process.send({ failure: error.message });
  }
}

async function answer(work) {
  try {
    process.send({ answer: (await work()) ?? null });
  } catch (error) {
    process.send({ failure: error.message });
  }
}
