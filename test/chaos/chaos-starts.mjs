// Starts sagas at a steady pace, each by its business key, at any worker; a call that fails, or is not answered, is made again with the
// same key at another one. Every answer is kept, also one that comes when nobody waits for it any more.
import { setTimeout as pause } from 'node:timers/promises';
import { planOf } from './chaos-plans.mjs';

const ANSWER_MS = 2_000;
const PAUSE_MS = 100;
const GIVE_UP_MS = 60_000;
/** So many starts are made a second time although they were answered. */
const REPEATED = 0.15;

export class ChaosStarts {
  /** By business key: the plan and every answer. */
  sagas = new Map();
  counts = { calls: 0, failed: 0, unanswered: 0, withoutBroker: 0 };
  isBrokerDown = false;
  #stopped = false;
  #open = new Set();

  constructor(cluster, random, perSecond) {
    this.cluster = cluster;
    this.random = random;
    this.everyMs = 1_000 / perSecond;
  }

  async run() {
    for (let number = 1; !this.#stopped; number++) {
      const plan = planOf(number, this.random);
      const saga = { plan, answers: [], errors: [] };
      this.sagas.set(plan.businessKey, saga);
      this.#track(this.#start(saga));
      if (this.random.chance(REPEATED)) this.#track(this.#start(saga, this.random.between(0, 1_500)));
      await pause(this.everyMs);
    }
  }

  /** Resolves when every key was answered at least once, or given up. */
  async stop() {
    this.#stopped = true;
    while (this.#open.size > 0) await Promise.all(this.#open);
  }

  #track(work) {
    this.#open.add(work);
    void work.finally(() => this.#open.delete(work));
  }

  async #start(saga, afterMs = 0) {
    await pause(afterMs);
    const until = performance.now() + GIVE_UP_MS;
    while (performance.now() < until) {
      if (await this.#ask(saga)) return;
      await pause(PAUSE_MS);
    }
    saga.errors.push(`no answer within ${GIVE_UP_MS} ms`);
  }

  async #ask({ plan, answers, errors }) {
    const worker = this.random.pick(this.cluster.workers);
    if (!worker.isBooted) return false;
    this.counts.calls++;
    const { businessKey, steps, options } = plan;
    const brokerWasDown = this.isBrokerDown;
    const answer = worker.call('start', { name: 'chaos', steps, businessKey, options }).then(
      (started) => {
        answers.push(started);
        if (brokerWasDown && this.isBrokerDown) this.counts.withoutBroker++;
        return true;
      },
      (error) => {
        this.counts.failed++;
        // What a caller may meet under faults is that something is away; anything else says that the engine took a wrong turn.
        if (!/worker is gone|SagaDatabaseError|SagaBusyError/.test(error.message)) errors.push(error.message);
        return false;
      },
    );
    const late = pause(ANSWER_MS).then(() => null);
    const first = await Promise.race([answer, late]);
    if (first === null) this.counts.unanswered++;
    return first === true;
  }
}
