// The workers of a chaos run. Each has wires of its own to both services, and is there again soon after it was killed.
import { setTimeout as pause } from 'node:timers/promises';
import { Tap, Wire } from './wire-proxy.mjs';
import { WorkerProcess } from './worker-process.mjs';

export const CHAOS_TIMES = {
  leaseMs: 1_000,
  heartbeatMs: 300,
  graceMs: 500,
  resendMs: 400,
  sweepMs: 500,
  brokerFallbackMs: 1_000,
  drainMs: 2_000,
  // A healthy saga must complete whatever happens, so that its end is known beforehand.
  defaults: { infrastructureBudget: 50 },
};
export const SCHEMA = 'chaos';
export const QUEUES = {
  exchange: 'chaos',
  stepQueue: 'chaos.steps',
  compensateQueue: 'chaos.compensate',
  confirmTimeoutMs: 1_000,
  heartbeatSeconds: 2,
};

/** Workers that go on by themselves and workers that send each step through the broker share every saga. */
const DISPATCH = ['chain', 'chain', 'broker'];

export class ChaosCluster {
  workers = [];

  constructor(services, size) {
    this.workers = Array.from({ length: size }, (_, place) => new ChaosWorker(services, DISPATCH[place % DISPATCH.length]));
  }

  async open() {
    // One after the other: the first makes the tables.
    for (const worker of this.workers) await worker.open();
  }

  /** Processes that ended although nobody had killed them. */
  get deaths() {
    return this.workers.flatMap(({ deaths }) => deaths);
  }

  async close() {
    await Promise.all(this.workers.map((worker) => worker.close()));
  }
}

class ChaosWorker {
  deaths = [];
  isBooted = false;
  isFrozen = false;
  #isClosing = false;
  #urls;

  constructor({ env, effects, belongings }, dispatch) {
    this.times = { ...CHAOS_TIMES, dispatch };
    this.belongings = belongings;
    this.effects = effects;
    /** What becomes of messages; faults replace it for a while. */
    this.tap = new Tap();
    this.pg = new Wire({ protocol: 'pg', url: env.DATABASE_URL, tap: this.tap });
    this.amqp = new Wire({ protocol: 'amqp', url: env.AMQP_URL, tap: this.tap });
  }

  async open() {
    const [databaseUrl, amqpUrl] = await Promise.all([this.pg.open(), this.amqp.open()]);
    this.#urls = { databaseUrl, amqpUrl, effectsUrl: this.effects.url };
    await this.#begin();
  }

  call(command, options) {
    return this.process.call(command, options);
  }

  /** Again and again until the database lets it; a boot that fails because the database is away is no fault. */
  async #begin() {
    const child = new WorkerProcess(this.belongings);
    this.process = child;
    void child.exited.then((how) => this.#ended(child, how));
    while (!child.isGone && !this.#isClosing) {
      try {
        await child.call('boot', { ...this.#urls, schema: SCHEMA, queues: QUEUES, times: this.times });
        this.isBooted = true;
        return;
      } catch {
        await pause(200);
      }
    }
  }

  #ended(child, { code, signal }) {
    this.isBooted = false;
    this.isFrozen = false;
    if (this.#isClosing) return;
    if (!child.wasKilled) this.deaths.push(`a worker ended by itself with ${signal ?? code}`);
    void this.#begin();
  }

  kill() {
    this.process.kill();
  }

  freeze() {
    this.isFrozen = true;
    this.process.signal('SIGSTOP');
  }

  thaw() {
    this.isFrozen = false;
    this.process.signal('SIGCONT');
  }

  async close() {
    this.#isClosing = true;
    this.process.kill();
    await this.process.exited;
    await this.tap.close();
  }
}
