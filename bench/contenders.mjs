// Who is measured, and how each is opened: a database of its own, then one or several processes.
import { setTimeout as pause } from 'node:timers/promises';
import { freshQueues, removeQueues } from './broker.mjs';
import { Database } from './database.mjs';
import { startRestate } from './restate-server.mjs';
import { Belongings } from '../test/services/belongings.mjs';
import { beforeExit } from '../test/services/shutdown.mjs';
import { startWorker } from './worker-process.mjs';

const CLOSE_TIMEOUT_MS = 30_000;

/**
 * `program`: which file in contenders/ its processes load. `config`: what that is told. `needs`: an option of nest-saga that a version of it may
 * not have; without it there is nothing to measure. `unit`: what one turn of a lane is, where it is not a saga.
 */
export const CONTENDERS = {
  default: { program: 'nest-saga' },
  hop: { program: 'nest-saga', config: { options: { dispatch: 'broker' } }, needs: 'dispatch' },
  single: { program: 'nest-saga', config: { store: { batchSize: 1 }, options: { dispatch: 'broker' } }, needs: 'batchSize' },
  hops: { program: 'raw-hops', unit: 'three hops' },
  commits: { program: 'raw-commits', unit: 'one commit' },
  dbos: { program: 'dbos' },
  restate: { program: 'restate' },
};

/**
 * Starts what a contender needs.
 *
 * @param {{ services: object & { node: string }, name: keyof CONTENDERS, processes?: number, database?: Database, config?: object }} options `database`: one
 *   that stays when the contender is closed. Default: a fresh one.
 * @returns the running contender, or null when this version of nest-saga has no such mode
 */
export async function open({ services, name, processes = 1, database: given, config: more = {} }) {
  const { program, config = {}, needs } = CONTENDERS[name];
  const belongings = new Belongings();
  const database = given ?? (await Database.create(services.env.DATABASE_URL, name));
  const queues = freshQueues();
  const workers = [];
  const all = (command, args) => Promise.all(workers.map((worker) => worker.ask(command, args)));
  let left;
  const leave = () =>
    (left ??= (async () => {
      await belongings.close();
      await removeQueues(services.env.AMQP_URL, queues);
    })());
  beforeExit(leave);
  const close = async () => {
    const closed = Promise.allSettled(workers.map((worker) => worker.close()));
    await Promise.race([closed, pause(CLOSE_TIMEOUT_MS, undefined, { ref: false })]);
    await leave();
    if (!given) await database.drop();
  };

  let restate = null;
  try {
    if (program === 'restate') restate = await startRestate(belongings);
    const addresses = {
      databaseUrl: database.url,
      amqpUrl: services.env.AMQP_URL,
      queues,
      ingressUrl: restate?.ingressUrl,
      adminUrl: restate?.adminUrl,
    };
    const how = { contender: program, config: { ...addresses, ...merged(config, more) } };
    // The first one makes the tables.
    for (let i = 0; i < processes; i++) {
      workers.push(startWorker({ belongings, execPath: services.node }));
      await workers[i].ask('boot', how);
    }
  } catch (error) {
    await close();
    if (needs !== undefined && new RegExp(`(unknown|no) option "${needs}"`).test(error.message)) return null;
    throw error;
  }
  const pids = {
    worker: workers.map(({ pid }) => pid),
    postgres: services.postgres.pid,
    rabbitmq: services.rabbit.pid,
    restate: restate?.pid,
  };
  return { name, processes, database, workers, all, pids, close };
}

const merged = (one, other) => ({
  ...one,
  ...other,
  options: { ...one.options, ...other.options },
  store: { ...one.store, ...other.store },
});
