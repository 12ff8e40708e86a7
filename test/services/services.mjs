// Starts what the tests and the sample need, at the same time, and ends it whatever happens.
import { Belongings } from './belongings.mjs';
import { startPostgres } from './postgres.mjs';
import { startRabbit } from './rabbitmq.mjs';
import { beforeExit } from './shutdown.mjs';

/**
 * @param {{ root: string, postgres?: false | { fast?: boolean }, rabbit?: false | { install?: boolean } }} options
 * @returns `env` to give to the programs that use the services, the services, and `stop()`.
 */
export async function startServices({ root, postgres = {}, rabbit = {} }) {
  const all = [new Belongings(), new Belongings()];
  const stop = async () => void (await Promise.all(all.map((belongings) => belongings.close())));
  beforeExit(stop);
  const started = await Promise.allSettled([
    postgres && startPostgres({ root, ...postgres, belongings: all[0] }),
    rabbit && startRabbit({ ...rabbit, belongings: all[1] }),
  ]);
  const failed = started.filter(({ status }) => status === 'rejected');
  if (failed.length > 0) {
    await stop();
    throw new Error(failed.map(({ reason }) => reason.message).join('\n'));
  }
  const [database, broker] = started.map(({ value }) => value);
  return { postgres: database, rabbit: broker, env: environment(database, broker), stop };
}

function environment(database, broker) {
  return {
    ...(database && { DATABASE_URL: database.url }),
    ...(broker && { AMQP_URL: broker.url }),
    ...(broker?.ctl && { NEST_SAGA_RABBIT_CTL: JSON.stringify({ command: broker.command, env: broker.env }) }),
  };
}
