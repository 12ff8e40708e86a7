import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { rabbitMqTransport } from '../../lib/adapters/rabbitmq/rabbitmq-transport.definition';
import { BrokerLink } from '../../lib/adapters/rabbitmq/broker-link';
import { MessageCodec } from '../../lib/adapters/rabbitmq/message.codec';
import { NoticeConsumer } from '../../lib/adapters/rabbitmq/notice.consumer';
import { borrowedConnection } from '../../lib/adapters/rabbitmq/own-connection';
import { Quarantine } from '../../lib/adapters/rabbitmq/quarantine';
import type { RabbitMqTransportOptions } from '../../lib/adapters/rabbitmq/rabbitmq-transport.options';
import { TroubleReporter } from '../../lib/adapters/rabbitmq/trouble.reporter';
import { WakeUpConsumer } from '../../lib/adapters/rabbitmq/wake-up.consumer';
import type { StoredEvent } from '../../lib/ports/outbox-event';
import { eventually } from '../../lib/testing/transport-contract.eventually';
import { numbersOf, Peer, wakeUp, type PeerOptions } from '../../lib/testing/transport-contract.peer';
import { Namespace, startConnection, type AdminChannel } from './transport-broker';
import { Proxy } from './transport-proxy';

const KEY = 'orders.create';

describe('RabbitMqTransport', () => {
  let namespace: Namespace;
  let proxy: Proxy;
  let peers: Peer[];

  beforeEach(async () => {
    namespace = await Namespace.open();
    proxy = Proxy.for(namespace.uri);
    peers = [];
  });

  afterEach(async () => {
    await Promise.all(peers.map(({ transport }) => transport.close()));
    await namespace.dispose();
    await proxy.plugOut();
  });

  const peerOf = (options: PeerOptions = { action: [KEY], acks: true }, how: RabbitMqTransportOptions = {}): Peer => {
    const peer = new Peer(namespace.create(how), options);
    peers.push(peer);
    return peer;
  };
  const joined = (options?: PeerOptions, how?: RabbitMqTransportOptions): Promise<Peer> => peerOf(options, how).join();
  const throughProxy = (how: RabbitMqTransportOptions = {}): RabbitMqTransportOptions => ({ uri: proxy.uri(), ...how });
  const troubleText = (): string => namespace.troubles.map(({ message }) => message).join('\n');

  const delivers = async (peer: Peer, number: number): Promise<void> => {
    await eventually('the peer is connected', () => peer.transport.status().connected);
    expect(await peer.publish(wakeUp(number, KEY))).toEqual(['sent']);
    await eventually(`delivery ${number}`, () => numbersOf(peer.actions).includes(number));
  };

  describe('a message that is no wake-up', () => {
    const good = { v: 1, saga: '01J00000000000000000000001', step: 0, direction: 'action', round: 0, key: KEY };
    const json = { contentType: 'application/json' };
    const body = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

    it.each<[string, Buffer, { contentType?: string; contentEncoding?: string }]>([
      ['bad JSON', Buffer.from('{"v":1,'), json],
      ['another content type', body(good), { contentType: 'text/plain' }],
      ['no content type', body(good), {}],
      ['another version', body({ ...good, v: 2 }), json],
      ['a field too many', body({ ...good, input: {} }), json],
      ['the direction of the other queue', body({ ...good, direction: 'undo' }), json],
      ['a body of 1 MiB', Buffer.alloc(1_048_576, 0x20), json],
      ['a compressed body', gzipSync(body(good)), { ...json, contentEncoding: 'gzip' }],
      ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), json],
      ['an empty body', Buffer.alloc(0), json],
    ])('%s is quarantined once and acknowledged', async (_, content, properties) => {
      const peer = await joined();
      namespace.admin.publish(namespace.exchange, `step.${KEY}`, content, {
        ...properties,
        messageId: 'a\u0000b',
        CC: ['x'],
        replyTo: 'x',
      });
      await delivers(peer, 1);
      await eventually('quarantine', () => peer.quarantined.length > 0);
      await peer.transport.close();
      expect(peer.quarantined).toHaveLength(1);
      expect(peer.quarantined[0]).toMatchObject({ source: namespace.stepQueue, messageId: 'a?b', bodySize: content.byteLength });
      expect(peer.quarantined[0]?.bodyHead.byteLength).toBe(Math.min(content.byteLength, 65_536));
      expect(await namespace.admin.checkQueue(namespace.stepQueue)).toMatchObject({ messageCount: 0 });
    });

    it('is kept unacknowledged until it could be quarantined', async () => {
      let failures = 3;
      const kept: string[] = [];
      const transport = namespace.create();
      transport.consume({
        direction: 'action',
        keys: [KEY],
        prefetch: 10,
        onDelivery: (delivery) => delivery.ack(),
        onUnreadable: async ({ reason }) => {
          if (failures-- > 0) throw new Error('the database is down');
          kept.push(reason);
        },
      });
      await transport.open();
      await eventually('consuming', () => transport.status().consuming.length === 1);
      namespace.admin.publish(namespace.exchange, `step.${KEY}`, Buffer.from('?'), json);
      await eventually('quarantine', () => kept.length === 1);
      await transport.close();
      expect(kept).toHaveLength(1);
      expect(troubleText()).toContain('the database is down');
      expect(await namespace.admin.checkQueue(namespace.stepQueue)).toMatchObject({ messageCount: 0 });
    });
  });

  describe('something was removed or changed on the broker', () => {
    it('brings a consumer back whose queue was deleted', async () => {
      const peer = await joined();
      await namespace.admin.deleteQueue(namespace.stepQueue);
      await eventually('the loss was noticed', () => troubleText().includes('cancelled the consumer'));
      await peer.inPlace();
      await delivers(peer, 1);
    });

    it('publishes again after its exchange was deleted', async () => {
      const peer = await joined({});
      await namespace.admin.deleteExchange(namespace.exchange);
      expect(await peer.publish(wakeUp(1, KEY))).toEqual(['unavailable']);
      await eventually('the exchange is back', () => peer.transport.status().connected);
      expect(await peer.publish(wakeUp(2, KEY))).toEqual(['unroutable']);
    });

    it.each([
      ['its exchange was deleted', ({ admin, exchange }: Namespace) => admin.deleteExchange(exchange)],
      ['its binding was removed', ({ admin, exchange, stepQueue }: Namespace) => admin.unbindQueue(stepQueue, exchange, `step.${KEY}`)],
    ])('receives again at the first wake-up that finds no route after %s', async (_what, remove) => {
      const peer = await joined();
      await remove(namespace);
      let [result]: readonly unknown[] = [];
      for (let tries = 0; result !== 'unroutable' && tries < 50; tries++) {
        await eventually('the exchange is there', () => peer.transport.status().connected);
        [result] = await peer.publish(wakeUp(1, KEY));
      }
      expect(result).toBe('unroutable');
      const begin = performance.now();
      for (let number = 2; result !== 'sent' && performance.now() - begin < 10_000; number++) {
        [result] = await peer.publish(wakeUp(number, KEY));
      }
      expect(result).toBe('sent');
      await peer.hasReceived(1);
    });

    it('tells of a queue with other arguments, lives on, and consumes once it is gone', async () => {
      await namespace.admin.assertQueue(namespace.stepQueue, { durable: true });
      const peer = peerOf({ action: [KEY], undo: ['orders.delete'], acks: true });
      peer.subscribe();
      await peer.transport.open();
      await eventually('the other direction is served', () => peer.transport.status().consuming.includes('undo'));
      await eventually('the refusal is told', () => troubleText().includes('PRECONDITION_FAILED'));
      expect(peer.transport.status()).toMatchObject({ connected: true, consuming: ['undo'] });
      expect(troubleText()).toContain(`consumer of "${namespace.stepQueue}"`);
      await namespace.admin.deleteQueue(namespace.stepQueue);
      await peer.inPlace();
      await delivers(peer, 1);
    });

    it('reopens alone a channel that was closed alone', async () => {
      const amqp = await startConnection(namespace.uri);
      const connection = amqp.managedConnection.connection as NonNullable<typeof amqp.managedConnection.connection>;
      const channels: AdminChannel[] = [];
      const queues = new Map<string, AdminChannel>();
      const createChannel = connection.createChannel.bind(connection);
      connection.createChannel = async () => {
        const channel = await createChannel();
        channels.push(channel);
        const consume = channel.consume.bind(channel);
        channel.consume = (queue, ...rest) => {
          queues.set(queue, channel);
          return consume(queue, ...rest);
        };
        return channel;
      };
      const peer = await joined({ action: [KEY], undo: ['orders.delete'] }, { connection: amqp });
      await peer.publish(wakeUp(1, KEY), wakeUp(2, 'orders.delete', 'undo'));
      await peer.hasReceived(1, 'action');
      await peer.hasReceived(1, 'undo');
      queues.get(namespace.stepQueue)?.ack({ fields: { deliveryTag: 999 } } as Parameters<AdminChannel['ack']>[0]);
      await peer.hasReceived(2, 'action');
      await peer.inPlace();
      expect(troubleText()).toContain('unknown delivery tag 999');
      peer.actions[0]?.ack();
      peer.actions[1]?.ack();
      peer.undos[0]?.ack();
      await peer.publish(wakeUp(3, 'orders.delete', 'undo'), wakeUp(4, KEY));
      await peer.hasReceived(3, 'action');
      await peer.hasReceived(2, 'undo');
      expect(numbersOf(peer.actions)).toEqual([1, 1, 4]);
      expect(numbersOf(peer.undos)).toEqual([2, 3]);
      expect(channels).toHaveLength(3);
      expect(amqp.managedConnection.connection).toBe(connection);
      await peer.transport.close();
      await amqp.managedConnection.close();
    });

    it('repairs a binding that somebody removed', async () => {
      const trouble = new TroubleReporter((error) => namespace.troubles.push(error), []);
      const amqp = await startConnection(namespace.uri);
      const link = new BrokerLink(borrowedConnection(amqp), trouble);
      const { exchange, stepQueue, compensateQueue } = namespace;
      const topology = { exchange, queues: { action: stepQueue, undo: compensateQueue } };
      const subscription = {
        direction: 'action',
        keys: [KEY],
        prefetch: 1,
        onDelivery: () => undefined,
        onUnreadable: async () => undefined,
      } as const;
      const quarantine = new Quarantine(subscription.onUnreadable, trouble);
      const consumer = new WakeUpConsumer(link, topology, new MessageCodec(), subscription, quarantine, trouble);
      consumer.start();
      link.open();
      await eventually('the consumer is in place', () => consumer.isInPlace);
      const sender = await joined({});
      await namespace.admin.unbindQueue(stepQueue, exchange, `step.${KEY}`);
      expect(await sender.publish(wakeUp(1, KEY))).toEqual(['unroutable']);
      await consumer.check();
      expect(await sender.publish(wakeUp(2, KEY))).toEqual(['sent']);
      await consumer.close();
      await link.close();
      await amqp.managedConnection.close();
    });
  });

  it('hears notices again after somebody removed the exchange', async () => {
    const trouble = new TroubleReporter((error) => namespace.troubles.push(error), []);
    const amqp = await startConnection(namespace.uri);
    const link = new BrokerLink(borrowedConnection(amqp), trouble);
    const heard: string[] = [];
    const ear = { onNotice: (_topic: string, text: string) => void heard.push(text), onFollowed: () => undefined };
    const consumer = new NoticeConsumer(link, namespace.exchange, ear, trouble);
    link.open();
    consumer.follow('ended.a');
    await eventually('it listens', () => consumer.isListening);
    await namespace.admin.deleteExchange(namespace.exchange);
    await consumer.check();
    await eventually('it listens again', () => consumer.isListening);
    namespace.admin.publish(namespace.exchange, 'ended.a', Buffer.alloc(10_000, 'x')); // too long for a notice
    namespace.admin.publish(namespace.exchange, 'ended.a', Buffer.from('heard'));
    await eventually('a notice is heard', () => heard.length > 0);
    expect(heard).toEqual(['heard']);
    await consumer.close();
    await link.close();
    await amqp.managedConnection.close();
  });

  describe('the connection fails', () => {
    it('opens while the broker is down, says unavailable, and works when it is there', async () => {
      await proxy.reserve();
      const peer = peerOf(undefined, throughProxy());
      peer.subscribe();
      await peer.transport.open();
      expect(await peer.publish(wakeUp(1, KEY))).toEqual(['unavailable']);
      await eventually('the failure is told', () => troubleText().includes('ECONNREFUSED'));
      expect(peer.transport.status()).toEqual({ connected: false, blocked: false, consuming: [] });
      await proxy.plugIn();
      await peer.inPlace();
      await delivers(peer, 2);
    });

    it('tries the next of several hosts', async () => {
      await proxy.reserve();
      const peer = await joined(undefined, { uri: [proxy.uri(), namespace.uri] });
      await delivers(peer, 1);
    });

    it('has one consumer and no leftover listeners after 20 cuts', async () => {
      await proxy.plugIn();
      // An application's connection, because its listeners can be counted and its pauses be made short.
      const amqp = await startConnection(proxy.uri());
      Object.assign(amqp.managedConnection, { reconnectTimeInSeconds: 0.02 });
      const counts = (): number[] => ['connect', 'disconnect', 'blocked'].map((event) => amqp.managedConnection.listenerCount(event));
      const untouched = counts();
      const peer = await joined(undefined, { connection: amqp });
      const attached = counts();
      for (let cut = 1; cut <= 20; cut++) {
        proxy.cut();
        await eventually('the cut was noticed', () => !peer.transport.status().connected);
        await peer.inPlace();
        await delivers(peer, cut);
      }
      expect(counts()).toEqual(attached);
      await expect(consumersBecome(namespace, 1)).resolves.toBe(1);
      await peer.transport.close();
      expect(counts()).toEqual(untouched);
      expect(amqp.managedConnection.isConnected()).toBe(true);
      await amqp.managedConnection.close();
    });

    it('settles what is under way when the wire is cut, and redelivers what was not acknowledged', async () => {
      await proxy.plugIn();
      const peer = await joined({ action: [KEY] }, throughProxy());
      await peer.publish(wakeUp(1, KEY));
      await peer.hasReceived(1);
      proxy.blackhole();
      const pending = peer.publish(wakeUp(2, KEY));
      proxy.cut();
      proxy.pass();
      expect(await pending).toEqual(['unavailable']);
      peer.actions[0]?.ack();
      await peer.inPlace();
      await peer.hasReceived(2);
      expect(numbersOf(peer.actions)).toEqual([1, 1]);
    });

    it('gives up on confirms that do not come, bounds what is under way, and closes in spite of a silent peer', async () => {
      await proxy.plugIn();
      const peer = await joined({ action: [KEY] }, throughProxy({ confirmTimeoutMs: 300 }));
      proxy.blackhole();
      const many = await peer.publish(...Array.from({ length: 1_200 }, (_, i) => wakeUp(i, KEY)));
      expect(many).toEqual(Array.from({ length: 1_200 }, () => 'unavailable'));
      expect(troubleText()).toContain('no confirm for 300 ms');
      expect(peer.transport.status().connected).toBe(false);
      await peer.transport.close();
      await eventually('no socket is left', () => proxy.connections === 0);
    });

    it('follows its topics again on a new queue, each time, and says so', async () => {
      await proxy.plugIn();
      const heard: string[] = [];
      let followed = 0;
      const peer = peerOf({}, throughProxy());
      const board = peer.transport.notices?.({ onNotice: (_topic, text) => void heard.push(text), onFollowed: () => (followed += 1) });
      const teller = peerOf({});
      const others = teller.transport.notices?.({ onNotice: () => undefined, onFollowed: () => undefined });
      await Promise.all([peer.join(), teller.join()]);
      expect(board?.isListening).toBe(false); // nothing is declared before somebody follows
      for (const topic of ['ended.a', 'ended.b', 'ended.c']) board?.follow(topic);
      board?.unfollow('ended.c');
      await eventually('both topics are followed', () => followed >= 2);
      for (const round of [1, 2]) {
        followed = 0;
        proxy.cut();
        await eventually('the cut was noticed', () => board?.isListening === false);
        board?.tell('ended.a', 'lost'); // neither kept nor an error
        await eventually('both topics are followed again', () => followed === 2);
        await eventually('notices come', () => {
          others?.tell('ended.c', 'unwanted');
          others?.tell('ended.b', `round ${round}`);
          return heard.includes(`round ${round}`);
        });
      }
      expect(heard).not.toContain('unwanted');
      expect(heard).not.toContain('lost');
    });

    it('takes more than the cap only as far as the cap', async () => {
      const peer = await joined({ action: [KEY], acks: true, prefetch: 500 });
      const results = await peer.publish(...Array.from({ length: 1_200 }, (_, i) => wakeUp(i, KEY)));
      expect(results.filter((result) => result === 'sent')).toHaveLength(1_000);
      expect(results.slice(1_000)).toEqual(Array.from({ length: 200 }, () => 'unavailable'));
      await peer.hasReceived(1_000);
    });

    it('reopens the publish channel after a wake-up that cannot be encoded, without confusing the others', async () => {
      const peer = await joined();
      const results = await peer.publish(wakeUp(1, KEY), wakeUp(2, 'x'.repeat(300)), wakeUp(3, KEY));
      expect(results[1]).toBe('unavailable');
      expect(results[2]).toBe('unavailable');
      await delivers(peer, 4);
      expect(await peer.publish(wakeUp(5, 'nobody'), wakeUp(6, KEY))).toEqual(['unroutable', 'sent']);
    });
  });

  describe('an event', () => {
    const event = { id: '01J00000000000000000000001', type: 'order.placed', version: 2, aggregate: 'order', key: 'o-1' };
    const stored = (more: Partial<StoredEvent> = {}): StoredEvent => {
      return { ...event, headers: {}, payload: { n: 1 }, at: new Date(1_763_700_000_999), tries: 1, ...more };
    };
    it('is a persistent JSON message with its id, type and time, and its type is the routing key', async () => {
      const { admin, eventsExchange } = namespace;
      await admin.assertExchange(eventsExchange, 'topic', { durable: true });
      const { queue } = await admin.assertQueue('', { exclusive: true });
      await admin.bindQueue(queue, eventsExchange, 'order.*');
      const peer = await joined({});
      await peer.announce(stored({ id: '01J00000000000000000000002', type: 'invoice.paid' }));
      await peer.announce(stored({ headers: { tenant: 'a' } }));
      const message = await admin.get(queue, { noAck: true });
      if (message === false) throw new Error('nothing arrived');
      expect(message.properties).toMatchObject({
        messageId: event.id,
        type: 'order.placed',
        contentType: 'application/json',
        deliveryMode: 2,
        timestamp: 1_763_700_000,
        headers: { tenant: 'a', 'x-event-version': 2, 'x-event-aggregate': 'order', 'x-event-key': 'o-1' },
      });
      expect(message.content.toString()).toBe('{"n":1}');
      expect(await admin.get(queue)).toBe(false);
    });

    it('that cannot be sent leaves wake-ups alone, and those after it are sent', async () => {
      const peer = await joined();
      await peer.announce(stored());
      const results = await peer.transport.publishEvents([stored({ type: 'x'.repeat(300) }), stored()]);
      expect(results).toEqual(['unavailable', 'unavailable']);
      expect(peer.transport.status()).toMatchObject({ connected: true, consuming: ['action'] });
      expect(await peer.publish(wakeUp(1, KEY))).toEqual(['sent']);
      await peer.announce(stored());
    });

    it('that a full queue refuses is unavailable', async () => {
      const { admin, eventsExchange } = namespace;
      const full = { exclusive: true, arguments: { 'x-max-length': 1, 'x-overflow': 'reject-publish' } };
      const { queue } = await admin.assertQueue('', full);
      const peer = await joined({});
      await peer.announce(stored());
      await admin.bindQueue(queue, eventsExchange, 'order.#');
      let results: readonly string[] = [];
      // How much is too much is up to the broker.
      for (let tries = 0; tries < 20 && !results.includes('unavailable'); tries++) results = await peer.transport.publishEvents([stored()]);
      expect(results).toEqual(['unavailable']);
      expect(await peer.transport.publishEvents([stored({ type: 'invoice.paid' })])).toEqual(['sent']);
    });

    it('is announced again after its exchange was deleted, and other settings of it are told', async () => {
      const peer = await joined({});
      await peer.announce(stored());
      await namespace.admin.deleteExchange(namespace.eventsExchange);
      expect(await peer.transport.publishEvents([stored()])).toEqual(['unavailable']);
      await peer.announce(stored());
      await namespace.admin.deleteExchange(namespace.eventsExchange);
      await namespace.admin.assertExchange(namespace.eventsExchange, 'fanout', { durable: true });
      const other = await joined({});
      expect(await other.transport.publishEvents([stored()])).toEqual(['unavailable']);
      await eventually('the refusal is told', () => troubleText().includes('PRECONDITION_FAILED'));
      expect(troubleText()).toContain(`publisher to "${namespace.eventsExchange}"`);
      expect(other.transport.status().connected).toBe(true);
    });
  });

  it('never tells a password', async () => {
    const secret = 'p%40ss-w0rd-canary';
    await proxy.plugIn();
    const refused = peerOf(undefined, { uri: proxy.uri(`guest:${secret}`) });
    await refused.transport.open();
    await eventually('the refusal is told', () => troubleText().includes('ACCESS_REFUSED') || troubleText().includes('ACCESS-REFUSED'));
    expect(refused.transport.description).toBe(`RabbitMQ exchange "${namespace.exchange}"`);
    const malformed = `amqp://guest:${secret}@host:port`;
    const problems = ['http://u:canary@h', malformed, 'canary', 'amqp://'].flatMap((uri) =>
      rabbitMqTransport({ uri }).problems(namespace.environment()),
    );
    expect(problems).toHaveLength(4);
    const told = [troubleText(), ...problems, ...namespace.troubles.map((error) => JSON.stringify(error) + String(error.stack))].join('\n');
    expect(told).not.toMatch(/canary/);
  });

  it('serves two transports in one process', async () => {
    const one = await joined();
    const other = await joined();
    expect(await one.publish(...Array.from({ length: 100 }, (_, i) => wakeUp(i, KEY)))).toEqual(Array.from({ length: 100 }, () => 'sent'));
    await eventually('all deliveries', () => one.actions.length + other.actions.length === 100);
    await one.transport.close();
    await delivers(other, 101);
  });

  it('goes on while the application, on the same connection, publishes what cannot be encoded and breaks a channel of its own', async () => {
    const amqp = await startConnection(namespace.uri);
    const peer = await joined(undefined, { connection: amqp });
    const own = await amqp.managedConnection.connection!.createConfirmChannel();
    const broken = new Promise((resolve) => own.once('close', resolve));
    own.on('error', () => undefined);
    expect(() => own.publish(namespace.exchange, 'x', Buffer.alloc(0), { headers: { bad: (() => 1) as never } })).toThrow();
    await own.checkQueue(`${namespace.name}.absent`).catch(() => undefined);
    await broken;
    for (let number = 1; number <= 3; number++) await delivers(peer, number);
    expect(namespace.troubles).toEqual([]);
    await peer.transport.close();
    await amqp.managedConnection.close();
  });

  it('sets TCP_NODELAY on each socket at each connect', async () => {
    const noDelay: boolean[] = [];
    const original = Socket.prototype.setNoDelay;
    Socket.prototype.setNoDelay = function (on?: boolean) {
      noDelay.push(on ?? true);
      return original.call(this, on);
    };
    try {
      await joined();
    } finally {
      Socket.prototype.setNoDelay = original;
    }
    expect(noDelay.filter((on) => on).length).toBe(2);
  });

  it('finds the connection of RabbitMQModule by its name, and says what is missing', async () => {
    const amqp = await startConnection(namespace.uri, 'orders');
    const has = namespace.environment({ resolve: <T>(token: unknown) => (token === amqp.constructor ? (amqp as T) : undefined) });
    expect(rabbitMqTransport({ connection: 'orders' }).problems(has)).toEqual([]);
    expect(rabbitMqTransport({ connection: 'default' }).problems(has)).toEqual([
      expect.stringContaining('no AmqpConnection named "default"'),
    ]);
    const peer = await joined(undefined, { connection: amqp });
    await delivers(peer, 1);
    await peer.transport.close();
    expect(amqp.managedConnection.isConnected()).toBe(true);
    await amqp.managedConnection.close();
  });
});

async function consumersBecome(namespace: Namespace, count: number): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const { consumerCount } = await namespace.admin.checkQueue(namespace.stepQueue);
    if (consumerCount === count) return count;
  }
  return (await namespace.admin.checkQueue(namespace.stepQueue)).consumerCount;
}
