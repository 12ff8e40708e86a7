// What is done to the system. Each fault ends by itself; every one that was begun is counted.
import { setTimeout as pause } from 'node:timers/promises';
import { CHAOS_TIMES, QUEUES } from './chaos-cluster.mjs';
import { amqpName } from './wire-frames.mjs';

/** How often each, relative to one another. The last ones stop everything for seconds. */
const WEIGHTS = {
  kill: 12,
  freeze: 8,
  terminateBackends: 6,
  loseAnswer: 14,
  resetDatabase: 6,
  resetBroker: 6,
  holdDatabase: 5,
  holdBroker: 5,
  delayDatabase: 4,
  delayBroker: 4,
  refuseDatabase: 3,
  loseConfirms: 5,
  loseWakeUps: 4,
  deleteQueues: 3,
  restartPostgres: 2.5,
  restartBroker: 2.5,
};
const BETWEEN_MS = [150, 1_100];

export class ChaosFaults {
  counts = {};
  problems = [];
  #stopped = false;
  #open = new Set();
  #restarting = false;

  constructor({ cluster, starts, shim, database, rabbit, bouncePostgres, random }) {
    Object.assign(this, { cluster, starts, shim, database, rabbit, bouncePostgres, random });
  }

  async run() {
    // What happens rarely must not depend on luck in a short run.
    for (const name of ['restartPostgres', 'restartBroker', 'deleteQueues', 'freeze']) {
      if (this.#stopped) return;
      await pause(1_500);
      this.#begin(name);
    }
    while (!this.#stopped) {
      await pause(this.random.between(...BETWEEN_MS));
      if (!this.#stopped) this.#begin(this.random.pickWeighted(WEIGHTS));
    }
  }

  /** Resolves when all is whole again. */
  async stop() {
    this.#stopped = true;
    await Promise.all(this.#open);
  }

  #begin(name) {
    const worker = this.random.pick(this.cluster.workers);
    const work = this[name](worker).then(
      (done) => (this.counts[name] = (this.counts[name] ?? 0) + (done === false ? 0 : 1)),
      (error) => this.problems.push(`fault ${name}: ${error.message}`),
    );
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  async kill(worker) {
    if (!worker.isBooted) return false;
    worker.kill();
  }

  /** Longer than a lease and its grace: its work is taken away, and it does not know when it wakes. */
  async freeze(worker) {
    if (!worker.isBooted || worker.isFrozen) return false;
    worker.freeze();
    await pause(CHAOS_TIMES.leaseMs + CHAOS_TIMES.graceMs + this.random.between(300, 2_000));
    worker.thaw();
  }

  async terminateBackends() {
    const all = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`;
    // A server that is away at this moment has no backends.
    return this.database.query(all).then(
      () => true,
      () => false,
    );
  }

  /** A statement arrives and is committed; its answer does not. */
  async loseAnswer(worker) {
    let left = this.random.between(1, 30);
    const done = this.#rule(worker, 2_000, ({ protocol, way, frame }) => {
      const isSync = protocol === 'pg' && way === 'c2s' && frame[0] === 'S'.charCodeAt(0);
      return isSync && --left === 0 ? 'cut-after' : 'pass';
    });
    await done;
    return left <= 0;
  }

  async resetDatabase(worker) {
    worker.pg.reset();
  }

  async resetBroker(worker) {
    worker.amqp.reset();
  }

  holdDatabase(worker) {
    return this.#hold(worker.pg, this.random.between(300, 2_500));
  }

  holdBroker(worker) {
    return this.#hold(worker.amqp, this.random.between(300, 6_000));
  }

  delayDatabase(worker) {
    return this.#delay(worker.pg);
  }

  delayBroker(worker) {
    return this.#delay(worker.amqp);
  }

  async refuseDatabase(worker) {
    worker.pg.isRefusing = true;
    worker.pg.reset();
    await pause(this.random.between(300, 1_500));
    worker.pg.isRefusing = false;
  }

  async loseConfirms(worker) {
    await this.#rule(worker, 1_500, ({ protocol, way, frame }) =>
      protocol === 'amqp' && way === 's2c' && amqpName(frame) === 'basic.ack' ? 'drop' : 'pass',
    );
  }

  /** The broker has confirmed what it then forgets. */
  async loseWakeUps() {
    await this.shim.purge(this.random.pick([QUEUES.stepQueue, QUEUES.compensateQueue])).catch(() => undefined);
  }

  async deleteQueues() {
    const exchange = this.random.chance(0.3) ? QUEUES.exchange : undefined;
    await this.shim.deleteTopology([QUEUES.stepQueue, QUEUES.compensateQueue], exchange).catch(() => undefined);
  }

  restartPostgres() {
    return this.#alone(() => this.bouncePostgres(this.random.between(0, 1_500)));
  }

  restartBroker() {
    return this.#alone(async () => {
      this.starts.isBrokerDown = true;
      await this.rabbit.ctl(['stop_app']);
      await pause(this.random.between(0, 2_500));
      this.starts.isBrokerDown = false;
      await this.rabbit.ctl(['start_app']);
    });
  }

  async #alone(work) {
    if (this.#restarting) return false;
    this.#restarting = true;
    try {
      await work();
    } finally {
      this.#restarting = false;
    }
  }

  async #hold(wire, ms) {
    wire.hold();
    await pause(ms);
    wire.release();
    // A partition may end as well with connections that nobody knows any more.
    if (this.random.chance(0.5)) wire.reset();
  }

  async #delay(wire) {
    wire.delay(this.random.between(20, 150));
    await pause(this.random.between(300, 2_000));
    wire.delay(0);
  }

  async #rule(worker, ms, rule) {
    worker.tap.rule = rule;
    await pause(ms);
    if (worker.tap.rule === rule) worker.tap.rule = () => 'pass';
  }
}
