// Makes of a broker that delivers once one that delivers again: every wake-up is seen by a queue of the test's own, and some are sent
// once or twice more, after a while and in any order; some of them long after their saga has ended.
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

const amqp = createRequire(import.meta.url)('amqplib');
const MARK = 'x-chaos-copy';
const REMEMBERED = 500;
const OLD_EVERY_MS = 150;

export class WakeUpShim {
  counts = { seen: 0, again: 0, old: 0 };
  #stopped = false;
  #remembered = [];
  #channel;

  constructor({ url, exchange, random }) {
    this.url = url;
    this.exchange = exchange;
    this.random = random;
  }

  /** Connects again whenever the broker went away. */
  async run() {
    while (!this.#stopped) {
      try {
        await this.#listen();
      } catch {
        // The broker is away; so are the wake-ups.
      }
      await pause(300);
    }
  }

  async #listen() {
    const connection = await amqp.connect(this.url);
    const gone = new Promise((resolve) => {
      for (const event of ['error', 'close']) connection.on(event, resolve);
    });
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    channel.on('close', () => void connection.close().catch(() => undefined));
    await channel.assertExchange(this.exchange, 'topic', { durable: true });
    const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
    await channel.bindQueue(queue, this.exchange, '#');
    await channel.consume(queue, (message) => message && this.#see(message), { noAck: true });
    this.#channel = channel;
    const old = setInterval(() => this.#sendOld(), OLD_EVERY_MS);
    await Promise.race([gone, this.#whenStopped()]);
    clearInterval(old);
    this.#channel = undefined;
    if (this.#stopped) await connection.close().catch(() => undefined);
  }

  #see(message) {
    if (message.properties.headers?.[MARK]) return;
    this.counts.seen++;
    this.#remembered.push(message);
    if (this.#remembered.length > REMEMBERED) this.#remembered.splice(this.random.below(REMEMBERED), 1);
    for (let copies = this.random.pick([0, 0, 1, 2]); copies > 0; copies--) {
      setTimeout(() => this.#send(message, 'again'), this.random.between(0, 3_000)).unref();
    }
  }

  #sendOld() {
    if (this.#remembered.length > 0) this.#send(this.random.pick(this.#remembered), 'old');
  }

  #send({ fields, content, properties }, what) {
    if (this.#channel === undefined) return;
    const { contentType, messageId } = properties;
    try {
      this.#channel.publish(this.exchange, fields.routingKey, content, {
        contentType,
        messageId,
        persistent: true,
        headers: { [MARK]: 1 },
      });
      this.counts[what]++;
    } catch {
      // The channel has just gone.
    }
  }

  async #whenStopped() {
    while (!this.#stopped) await pause(100);
  }

  stop() {
    this.#stopped = true;
  }

  /** Things that operators do, over a connection of their own. */
  async deleteTopology(queues, exchange) {
    await this.#meanwhile(async (channel) => {
      for (const queue of queues) await channel.deleteQueue(queue);
      if (exchange !== undefined) await channel.deleteExchange(exchange);
    });
  }

  async purge(queue) {
    await this.#meanwhile((channel) => channel.purgeQueue(queue));
  }

  async #meanwhile(work) {
    const connection = await amqp.connect(this.url);
    connection.on('error', () => undefined);
    const channel = await connection.createChannel();
    channel.on('error', () => undefined);
    await work(channel).finally(() => connection.close());
  }
}
