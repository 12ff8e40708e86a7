// What RabbitMQ gives at most: a "saga" is three hops through a quorum queue, persistent and confirmed, each acknowledged after the next
// one is on its way. Confirms are not waited for one by one.
import { createRequire } from 'node:module';
import { countPublishes } from './publishes.mjs';

const root = createRequire(new URL('../../package.json', import.meta.url));
const HOPS = 3;
const PREFETCH = 400;

export async function boot({ amqpUrl, queues: { stepQueue: queue } }) {
  const messages = countPublishes(root('amqplib/lib/channel_model'));
  const connection = await root('amqplib').connect(amqpUrl, { noDelay: true });
  const publisher = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  await consumer.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await consumer.prefetch(PREFETCH);
  const ended = new Map();
  let lastSaga = 0;
  const send = (saga, hop, confirmed) =>
    publisher.sendToQueue(queue, Buffer.from(JSON.stringify({ saga, hop })), { persistent: true }, confirmed);
  await consumer.consume(queue, (message) => {
    const { saga, hop } = JSON.parse(message.content);
    // Acknowledged when the next message is safe, as whoever must lose nothing does it.
    if (hop < HOPS) return send(saga, hop + 1, (error) => error ?? consumer.ack(message));
    consumer.ack(message);
    ended.get(saga)?.();
    ended.delete(saga);
  });
  return {
    one: () =>
      new Promise((resolve, reject) => {
        const saga = ++lastSaga;
        ended.set(saga, resolve);
        send(saga, 1, (error) => error && reject(error));
      }),
    messages,
    close: () => connection.close(),
  };
}
