// Services that belong to one chaos program alone: it breaks them, so those of DATABASE_URL and AMQP_URL are never used.
import { fileURLToPath } from 'node:url';
import { Belongings } from '../services/belongings.mjs';
import { ensureBuilt } from '../services/build.mjs';
import { startServices } from '../services/services.mjs';
import { beforeExit } from '../services/shutdown.mjs';
import { startEffects } from './effects-process.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export async function startChaosServices(participant) {
  delete process.env.DATABASE_URL;
  delete process.env.AMQP_URL;
  await ensureBuilt({ root, sample: 'sample/01-order-processing' });
  const services = await startServices({ root, postgres: { fast: true }, rabbit: { install: true } });
  const belongings = new Belongings();
  beforeExit(() => belongings.close());
  const effects = await startEffects(belongings, participant);
  return {
    ...services,
    effects,
    belongings,
    async stop() {
      await belongings.close();
      await services.stop();
    },
  };
}
