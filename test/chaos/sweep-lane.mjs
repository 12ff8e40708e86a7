// One point after the other, on a schema and queues of its own. Per point: a worker whose wires are watched (the victim), and for a
// kill a second one without faults, either there from the start (standby) or begun when the first is dead.
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { makeBooks, readBooks } from './books.mjs';
import { checkSaga } from './check-saga.mjs';
import { readSagas, sagaOfKey } from './saga-rows.mjs';
import { SCENARIOS, SETTLE_MS, SWEEP_TIMES } from './sweep-scenarios.mjs';
import { until } from './until.mjs';
import { Tap, Wire } from './wire-proxy.mjs';
import { WorkerGone, WorkerProcess } from './worker-process.mjs';

const ENDED = ['completed', 'compensated', 'failed', 'stuck'];
const CALL_MS = 10_000;
const FROZEN_MS = 700;
const LAST_WORD_MS = 400;

export class SweepLane {
  #next;
  #survivor;
  #points = 0;
  /** Sagas in which an effect was undone again, because it came late. */
  lateRounds = 0;

  constructor({ name, env, effects, belongings }) {
    this.schema = `sweep_${name}`;
    this.queues = { exchange: `sweep.${name}`, stepQueue: `sweep.${name}.steps`, compensateQueue: `sweep.${name}.compensate` };
    this.env = env;
    this.effects = effects;
    this.belongings = belongings;
    this.database = new pg.Pool({ connectionString: env.DATABASE_URL, max: 2 });
    this.#survivor = new WorkerProcess(belongings);
    this.#next = new WorkerProcess(belongings);
  }

  /** Two runs without faults: the first makes tables, queues and the plan. @returns how many messages the second had, and which */
  async dryRun(scenario) {
    await makeBooks(this.database, this.schema);
    await this.#count(scenario);
    return this.#count(scenario);
  }

  async #count(scenario) {
    const labels = [];
    const tap = new Tap({ rule: (message) => void labels.push(message.describe()) });
    const wired = await this.#wired(tap);
    const victim = this.#takeVictim();
    await victim.call('boot', { ...wired, ...this.#where() });
    const ready = tap.count;
    const businessKey = this.#newKey();
    await victim.call('start', { name: 'swept', steps: SCENARIOS[scenario].steps, businessKey });
    const ended = await this.#ended(businessKey);
    const total = tap.count;
    const faults = (await victim.call('faultPoints')).filter(isWork);
    victim.kill();
    await tap.close();
    if (ended === undefined) throw new Error(`scenario ${scenario} did not end without any fault`);
    return { ready, total, labels, faults };
  }

  /** @returns {{ at: string | null, problems: object[] }} the message that was met, if it was */
  async run(point) {
    const { mode, at, scenario } = point;
    const meets = point.meets?.();
    let met = null;
    let frozen;
    const victim = this.#takeVictim();
    const tap = new Tap({
      rule: (message) => {
        if (mode === 'fault') return 'pass';
        const isIt = meets === undefined ? message.number === at : met === null && meets(message);
        if (!isIt) return 'pass';
        met = message.describe();
        if (mode !== 'freeze') return mode;
        frozen = freeze(victim);
        return 'pass';
      },
      kill: () => victim.kill(),
    });
    const wired = { ...(await this.#wired(tap)), ...(mode === 'fault' && { dieAt: at }) };
    if (mode === 'fault') void victim.exited.then(({ signal }) => (met ??= signal === 'SIGKILL' ? at : null));
    const needsAnother = !mode.startsWith('cut');
    const businessKey = this.#newKey();
    try {
      const survivor = needsAnother ? this.#bootSurvivor(point.standby) : undefined;
      if (point.standby) await survivor;
      const thawed = () => frozen;
      const problems = await this.#survive({ point, victim, wired, businessKey, survivor, thawed, steps: SCENARIOS[scenario].steps });
      return { at: met, problems };
    } finally {
      victim.kill();
      await tap.close();
      if (needsAnother) await this.#survivor.call('close');
    }
  }

  async #survive({ point, victim, wired, businessKey, survivor, thawed, steps }) {
    const started = await this.#bootAndStart(victim, wired, { name: 'swept', steps, businessKey });
    if (survivor !== undefined) {
      // Also when it is never reached: then both work on.
      await Promise.race([victim.exited, until(async () => thawed() && true, SETTLE_MS), this.#ended(businessKey)]);
      await survivor;
      if (!point.standby) await this.#survivor.call('run');
    }
    const other = survivor === undefined ? victim : this.#survivor;
    return this.#judge({ point, other, started, businessKey, thawed, steps });
  }

  /** @returns what `start()` answered, or undefined when the worker died before it could, or said that it failed */
  async #bootAndStart(victim, wired, saga) {
    for (let tries = 0; tries < 5; tries++) {
      try {
        await within(victim.call('boot', { ...wired, ...this.#where() }));
        return await within(victim.call('start', saga));
      } catch (error) {
        if (error instanceof WorkerGone || error instanceof TookTooLong) return undefined;
        await victim.call('close').catch(() => undefined);
      }
    }
    return undefined;
  }

  async #judge({ point, other, started, businessKey, thawed, steps }) {
    const problems = [];
    const broken = (promise, problem) => problems.push({ promise, problem });
    const before = await sagaOfKey(this.database, this.schema, businessKey);
    if (started !== undefined && before?.id !== started.id)
      broken('P1', `start() returned ${started.id}, and ${before?.id ?? 'nothing'} is there`);
    // Nothing is asked again before its end: the saga must get there by itself.
    if (before !== undefined && (await this.#ended(businessKey)) === undefined)
      broken('P1', `saga ${before.id} did not end within ${SETTLE_MS} ms`);
    const again = await within(other.call('start', { name: 'swept', steps, businessKey })).catch(
      (error) => void broken('P1', `a repeated start failed: ${error.message}`),
    );
    if (again === undefined) return problems;
    if (before !== undefined && (again.id !== before.id || again.created))
      broken('P1', `the key started ${before.id} first and ${again.id} now`);
    if ((await this.#ended(businessKey)) === undefined)
      broken('P1', `saga ${again.id} did not end within ${SETTLE_MS} ms after it was started again`);
    if (thawed() !== undefined) await this.#lastWord(thawed());
    const { saga, entries } = (await until(() => this.#atRest(again.id), SETTLE_MS)) ?? (await this.#read(again.id));
    if (saga.operations.some(({ round }) => round > 1)) this.lateRounds++;
    const found = checkSaga(saga, entries, SCENARIOS[point.scenario].expected, SWEEP_TIMES);
    if (problems.length + found.length > 0) this.evidence = { saga, entries };
    return [...problems, ...found];
  }

  /** Who was frozen reports what it did meanwhile, and that may ask for another round of undo. */
  async #lastWord(thawed) {
    await thawed;
    await pause(LAST_WORD_MS);
  }

  /** The saga and its effects, read while nothing moved; undefined when something still does. */
  async #atRest(id) {
    const read = await this.#read(id);
    const { rev } = (await readSagas(this.database, this.schema, [id])).get(id);
    return read.saga.attention || rev !== read.saga.rev ? undefined : read;
  }

  async #read(id) {
    const saga = (await readSagas(this.database, this.schema, [id])).get(id);
    return { saga, entries: [...(await this.effects.ledger(id)), ...(await readBooks(this.database, this.schema, id))] };
  }

  async #ended(businessKey) {
    const ended = async () => {
      const saga = await sagaOfKey(this.database, this.schema, businessKey);
      return saga !== undefined && ENDED.includes(saga.state) ? saga : undefined;
    };
    return until(ended, SETTLE_MS);
  }

  async #wired(tap) {
    const open = (protocol, url) => new Wire({ protocol, url, tap }).open();
    const { DATABASE_URL, AMQP_URL } = this.env;
    const [databaseUrl, amqpUrl, effectsUrl] = await Promise.all([
      open('pg', DATABASE_URL),
      open('amqp', AMQP_URL),
      open('http', this.effects.url),
    ]);
    return { databaseUrl, amqpUrl, effectsUrl };
  }

  async #bootSurvivor(autoStart) {
    const { DATABASE_URL: databaseUrl, AMQP_URL: amqpUrl } = this.env;
    await this.#survivor.call('boot', { databaseUrl, amqpUrl, effectsUrl: this.effects.url, ...this.#where(), autoStart });
  }

  #where() {
    return { schema: this.schema, queues: this.queues, times: SWEEP_TIMES };
  }

  #takeVictim() {
    const victim = this.#next;
    this.#next = new WorkerProcess(this.belongings);
    return victim;
  }

  #newKey() {
    return `${this.schema}:${++this.#points}`;
  }

  async close() {
    this.#next.kill();
    this.#survivor.kill();
    await this.database.end();
  }
}

/** What comes round and round whether or not there is a saga says nothing about one. */
function isWork(name) {
  return !/^(open|close|readHandlers|writeHandlers|leaveHandlers|states)\./.test(name);
}

/** Until its lease and grace are over, and what it did has been taken over. */
async function freeze(victim) {
  victim.signal('SIGSTOP');
  await pause(SWEEP_TIMES.leaseMs + SWEEP_TIMES.graceMs + FROZEN_MS);
  victim.signal('SIGCONT');
}

class TookTooLong extends Error {}

async function within(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TookTooLong(`no answer within ${CALL_MS} ms`)), CALL_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
