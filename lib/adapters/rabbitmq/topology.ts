import type { Direction } from '../../core/operation';
import type { RawChannel } from './raw-channel';

/** Names on the broker. */
export interface Topology {
  readonly exchange: string;
  readonly queues: Readonly<Record<Direction, string>>;
}

// A lost wake-up is only a delay, so a queue that nobody reads may forget: it must never fill the broker's disk.
// A TTL on a quorum queue needs RabbitMQ 3.10.
const QUEUE_ARGUMENTS = {
  'x-queue-type': 'quorum',
  'x-max-length': 100_000,
  'x-message-ttl': 600_000,
  'x-overflow': 'drop-head',
};

export function routingKey(direction: Direction, key: string): string {
  return direction === 'action' ? `step.${key}` : `compensate.${key}`;
}

/** Repeated at each connect, by publishers too: a broker that lost its disk, or an exchange that was deleted, heals by itself. */
export async function declareExchange(channel: RawChannel, exchange: string): Promise<void> {
  await channel.assertExchange(exchange, 'topic', { durable: true });
}

/** Nothing is ever unbound or deleted: another process may live on it. Answers how many consumers the queue has. */
export async function declareQueue(
  channel: RawChannel,
  topology: Topology,
  direction: Direction,
  keys: readonly string[],
): Promise<{ readonly consumerCount: number }> {
  const queue = topology.queues[direction];
  await declareExchange(channel, topology.exchange);
  // A copy, because amqplib writes into what it is given.
  const { consumerCount } = await channel.assertQueue(queue, { durable: true, arguments: { ...QUEUE_ARGUMENTS } });
  for (const key of keys) await channel.bindQueue(queue, topology.exchange, routingKey(direction, key));
  return { consumerCount };
}

// Of one process, and gone with it. Classic: the default of a virtual host may be another type, and that one can't be exclusive.
const NOTICE_ARGUMENTS = { 'x-queue-type': 'classic', 'x-max-length': 10_000, 'x-message-ttl': 60_000, 'x-overflow': 'drop-head' };

/** A queue that the broker names, for the notices that one process follows. Answers its name. */
export async function declareNoticeQueue(channel: RawChannel, exchange: string): Promise<string> {
  await declareExchange(channel, exchange);
  const options = { durable: false, exclusive: true, autoDelete: true, arguments: { ...NOTICE_ARGUMENTS } };
  return (await channel.assertQueue('', options)).queue;
}
