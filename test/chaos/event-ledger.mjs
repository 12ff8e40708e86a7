// Everything that the relays announced, kept by the broker in a queue that outlives its restarts, and compared with what was committed.
import { createRequire } from 'node:module';
import { until } from './until.mjs';

const amqp = createRequire(import.meta.url)('amqplib');
const EMPTY_MS = 30_000;

export class EventLedger {
  constructor({ url, exchange, queue }) {
    Object.assign(this, { url, exchange, queue });
  }

  /** Before anything is published: an event that no queue takes reaches nobody. */
  async open() {
    await this.#withChannel(async (channel) => {
      await channel.assertExchange(this.exchange, 'topic', { durable: true });
      await channel.assertQueue(this.queue, { durable: true });
      await channel.bindQueue(this.queue, this.exchange, '#');
    });
  }

  /** @returns {Promise<{ id: string, messageId: string }[]>} when the outbox is empty */
  async heard(database, schema) {
    const left = async () => Number((await database.query(`SELECT count(*) FROM "${schema}".outbox`)).rows[0].count);
    await until(async () => ((await left()) === 0 ? true : undefined), EMPTY_MS);
    const heard = [];
    await this.#withChannel(async (channel) => {
      for (
        let message = await channel.get(this.queue, { noAck: true });
        message;
        message = await channel.get(this.queue, { noAck: true })
      ) {
        heard.push({ id: JSON.parse(message.content.toString()).id, messageId: message.properties.messageId });
      }
    });
    return { heard, left: await left() };
  }

  async #withChannel(work) {
    const connection = await amqp.connect(this.url);
    try {
      await work(await connection.createChannel());
    } finally {
      await connection.close();
    }
  }
}

/** P6: announced if and only if committed, a copy always under the same id. */
export function checkEvents({ heard, left }, committed) {
  const found = [];
  const broken = (problem) => found.push({ promise: 'P6', problem });
  const messageIds = new Map();
  for (const { id, messageId } of heard) {
    if (messageIds.has(id) && messageIds.get(id) !== messageId) broken(`${id} was announced as ${messageIds.get(id)} and as ${messageId}`);
    messageIds.set(id, messageId);
  }
  const ids = new Set(committed);
  for (const id of ids) if (!messageIds.has(id)) broken(`${id} was committed, and never announced`);
  for (const id of messageIds.keys()) if (!ids.has(id)) broken(`${id} was announced, and never committed`);
  if (left > 0) broken(`${left} events are still waiting`);
  return found;
}
