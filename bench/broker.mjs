// Names on the broker that nobody else has, and their removal.
import { createRequire } from 'node:module';

const amqp = createRequire(new URL('../package.json', import.meta.url))('amqplib');
let lastName = 0;

export function freshQueues() {
  const name = `bench.${process.pid}.${++lastName}`;
  return { exchange: name, stepQueue: `${name}.steps`, compensateQueue: `${name}.compensate` };
}

export async function removeQueues(amqpUrl, { exchange, stepQueue, compensateQueue }) {
  const connection = await amqp.connect(amqpUrl);
  const channel = await connection.createChannel();
  for (const queue of [stepQueue, compensateQueue]) await channel.deleteQueue(queue);
  for (const name of [exchange, `${exchange}.events`]) await channel.deleteExchange(name);
  await connection.close();
}
