// P5 while it matters: looks at all states again and again, and remembers each end it saw.
import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 300;

export class TerminalWatch {
  problems = [];
  looks = 0;
  #ends = new Map();
  #stopped = false;

  constructor(database, schema) {
    this.database = database;
    this.schema = schema;
  }

  async run() {
    while (!this.#stopped) {
      await this.look().catch(() => undefined);
      await pause(EVERY_MS);
    }
  }

  async look() {
    const { rows } = await this.database.query(`SELECT id, state FROM "${this.schema}".sagas`);
    const states = new Map(rows.map(({ id, state }) => [id, state]));
    for (const [id, end] of this.#ends) {
      if (states.get(id) !== end)
        this.problems.push({ promise: 'P5', problem: `saga ${id} was ${end} and is ${states.get(id) ?? 'gone'}` });
    }
    for (const [id, state] of states) if (['completed', 'compensated', 'failed'].includes(state)) this.#ends.set(id, state);
    this.looks++;
  }

  stop() {
    this.#stopped = true;
  }
}
