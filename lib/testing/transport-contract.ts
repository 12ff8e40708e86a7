import assert from 'node:assert/strict';
import type { MessageTransport } from '../ports/message-transport';
import type { ContractCase } from './contract-case';
import { eventually } from './transport-contract.eventually';
import { events, type ArrivedEvent } from './transport-contract.events';
import { notices } from './transport-contract.notices';
import { numbersOf, Peer, wakeUp, type PeerOptions } from './transport-contract.peer';

export type { ArrivedEvent };

/** One broker, or one namespace of it, that nobody else uses. */
export interface TransportFixture {
  /** Another transport attached to it. Not opened yet; the contract closes it. */
  create(): MessageTransport;
  /** Listens to the application's events from now on, and says what has arrived. */
  listen(): Promise<readonly ArrivedEvent[]>;
  dispose(): Promise<void>;
}

/**
 * What the engine relies on in every transport. Run each case with any test runner.
 *
 * @example
 * for (const { name, run } of transportContract()) it(name, () => run(makeFixture));
 */
export function transportContract(): readonly ContractCase<TransportFixture>[] {
  return [...delivery, ...sharing, ...ending, ...events, ...notices].map(([name, body]) => ({ name, run: (make) => onStage(make, body) }));
}

type Body = (stage: Stage) => Promise<void>;

class Stage {
  readonly #peers: Peer[] = [];

  constructor(private readonly fixture: TransportFixture) {}

  peer(options: PeerOptions = {}): Peer {
    const peer = new Peer(this.fixture.create(), options);
    this.#peers.push(peer);
    return peer;
  }

  join(options: PeerOptions = {}): Promise<Peer> {
    return this.peer(options).join();
  }

  listen(): Promise<readonly ArrivedEvent[]> {
    return this.fixture.listen();
  }

  async clear(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.transport.close()));
    await this.fixture.dispose();
  }
}

async function onStage(make: () => Promise<TransportFixture>, body: Body): Promise<void> {
  const stage = new Stage(await make());
  try {
    await body(stage);
  } finally {
    await stage.clear();
  }
}

const delivery: readonly (readonly [string, Body])[] = [
  [
    'brings a wake-up to a consumer of its key, as it was sent',
    async (stage) => {
      const sender = await stage.join();
      const worker = await stage.join({ action: ['orders.create', 'orders.check'], acks: true });
      const sent = wakeUp(1, 'orders.check');
      assert.deepEqual(await sender.publish(sent), ['sent']);
      await worker.hasReceived(1);
      assert.deepEqual(worker.actions[0]?.wakeUp, sent);
    },
  ],
  [
    'brings a wake-up to the transport that sent it, when that one consumes its key',
    async (stage) => {
      const peer = await stage.join({ action: ['orders.create'], acks: true });
      assert.deepEqual(await peer.publish(wakeUp(1, 'orders.create')), ['sent']);
      await peer.hasReceived(1);
    },
  ],
  [
    'says unroutable when nobody consumes the key',
    async (stage) => {
      const sender = await stage.join();
      await stage.join({ action: ['orders.create'] });
      assert.deepEqual(await sender.publish(wakeUp(1, 'orders.unknown')), ['unroutable']);
    },
  ],
  [
    'answers one result for each wake-up, in their order',
    async (stage) => {
      const peer = await stage.join({ action: ['orders.create'], acks: true });
      const results = await peer.publish(wakeUp(1, 'nobody'), wakeUp(2, 'orders.create'), wakeUp(3, 'nobody'), wakeUp(4, 'orders.create'));
      assert.deepEqual(results, ['unroutable', 'sent', 'unroutable', 'sent']);
      await peer.hasReceived(2);
      assert.deepEqual(numbersOf(peer.actions), [2, 4]);
      assert.deepEqual(await peer.publish(), []);
    },
  ],
  [
    'never mixes the actions and the undos of one key',
    async (stage) => {
      const actions = await stage.join({ action: ['orders.create'], acks: true });
      assert.deepEqual(await actions.publish(wakeUp(1, 'orders.create', 'undo')), ['unroutable']);
      const both = await stage.join({ action: ['orders.create'], undo: ['orders.create'], acks: true });
      const results = await actions.publish(wakeUp(2, 'orders.create', 'undo'), wakeUp(3, 'orders.create'), wakeUp(4, 'orders.create'));
      assert.deepEqual(results, ['sent', 'sent', 'sent']);
      await both.hasReceived(1, 'undo');
      assert.deepEqual(numbersOf(both.undos), [2]);
    },
  ],
  [
    'consumes what was asked for after open',
    async (stage) => {
      const peer = stage.peer({ action: ['orders.create'], acks: true });
      await peer.transport.open();
      peer.subscribe();
      await peer.inPlace();
      assert.deepEqual(await peer.publish(wakeUp(1, 'orders.create')), ['sent']);
      await peer.hasReceived(1);
    },
  ],
  [
    'brings many wake-ups at once, each of them once',
    async (stage) => {
      const sender = await stage.join();
      const worker = await stage.join({ action: ['orders.create'], prefetch: 50, acks: true });
      const batches = [0, 1, 2, 3].map((batch) => Array.from({ length: 250 }, (_, i) => wakeUp(batch * 250 + i, 'orders.create')));
      const results = await Promise.all(batches.map((batch) => sender.publish(...batch)));
      assert.ok(results.flat().every((result) => result === 'sent'));
      await worker.hasReceived(1_000);
      assert.equal(new Set(numbersOf(worker.actions)).size, 1_000);
    },
  ],
];

const sharing: readonly (readonly [string, Body])[] = [
  [
    'shares the wake-ups of one key among its consumers, each of them once',
    async (stage) => {
      const sender = await stage.join();
      const one = await stage.join({ action: ['orders.create'], prefetch: 5, acks: true });
      const other = await stage.join({ action: ['orders.create'], prefetch: 5, acks: true });
      await sender.publish(...Array.from({ length: 200 }, (_, i) => wakeUp(i, 'orders.create')));
      await eventually('all deliveries', () => one.actions.length + other.actions.length >= 200);
      assert.equal(new Set([...numbersOf(one.actions), ...numbersOf(other.actions)]).size, 200);
      assert.ok(one.actions.length > 0 && other.actions.length > 0);
    },
  ],
  [
    'never has more deliveries unacknowledged than its prefetch',
    async (stage) => {
      const peer = await stage.join({ action: ['orders.create'], prefetch: 3 });
      await peer.publish(...Array.from({ length: 30 }, (_, i) => wakeUp(i, 'orders.create')));
      for (let acknowledged = 0; acknowledged < 30; acknowledged++) {
        await peer.hasReceived(Math.min(30, acknowledged + 3));
        assert.ok(peer.actions.length <= acknowledged + 3);
        peer.actions[acknowledged]?.ack();
      }
    },
  ],
  [
    'gives what was not acknowledged to another consumer when its own closes',
    async (stage) => {
      const first = await stage.join({ action: ['orders.create'] });
      await first.publish(wakeUp(1, 'orders.create'), wakeUp(2, 'orders.create'));
      await first.hasReceived(2);
      first.actions[0]?.ack();
      const second = await stage.join({ action: ['orders.create'], acks: true });
      await first.transport.close();
      await second.hasReceived(1);
      assert.deepEqual(numbersOf(second.actions), [2]);
    },
  ],
];

const ending: readonly (readonly [string, Body])[] = [
  [
    'hands out nothing after stop, and still takes acknowledgements',
    async (stage) => {
      const first = await stage.join({ action: ['orders.create'] });
      await first.publish(wakeUp(1, 'orders.create'));
      await first.hasReceived(1);
      await first.transport.stop();
      assert.deepEqual(first.transport.status().consuming, []);
      first.actions[0]?.ack();
      const second = await stage.join({ action: ['orders.create'], acks: true });
      assert.deepEqual(await first.publish(wakeUp(2, 'orders.create')), ['sent']);
      await second.hasReceived(1);
      await first.transport.close();
      await second.publish(wakeUp(3, 'orders.create'));
      await second.hasReceived(2);
      assert.deepEqual(numbersOf(first.actions), [1]);
      assert.deepEqual(numbersOf(second.actions), [2, 3]);
    },
  ],
  [
    'takes an acknowledgement twice, or after close, without harm',
    async (stage) => {
      const first = await stage.join({ action: ['orders.create'] });
      const second = await stage.join({ undo: ['orders.delete'] });
      await second.publish(wakeUp(1, 'orders.create'), wakeUp(2, 'orders.create'));
      await first.hasReceived(2);
      first.actions[0]?.ack();
      first.actions[0]?.ack();
      await second.publish(wakeUp(3, 'orders.create'));
      await first.hasReceived(3);
      await first.transport.close();
      first.actions[1]?.ack();
      first.actions[2]?.ack();
      assert.deepEqual(await second.publish(wakeUp(4, 'orders.delete', 'undo')), ['sent']);
      await second.hasReceived(1, 'undo');
    },
  ],
  [
    'says unavailable before open and after close',
    async (stage) => {
      const peer = stage.peer({ action: ['orders.create'] });
      assert.deepEqual(await peer.publish(wakeUp(1, 'orders.create')), ['unavailable']);
      assert.equal(peer.transport.status().connected, false);
      await peer.join();
      await peer.transport.close();
      assert.deepEqual(await peer.publish(wakeUp(1, 'orders.create'), wakeUp(2, 'orders.create')), ['unavailable', 'unavailable']);
      assert.deepEqual(peer.transport.status(), { connected: false, blocked: false, consuming: [] });
    },
  ],
  [
    'can be stopped and closed more than once, and without having been opened',
    async (stage) => {
      const peer = await stage.join({ action: ['orders.create'] });
      await Promise.all([peer.transport.stop(), peer.transport.stop()]);
      await Promise.all([peer.transport.close(), peer.transport.close()]);
      await peer.transport.close();
      await stage.peer({ action: ['orders.create'] }).transport.close();
    },
  ],
  [
    'leaves other transports alone when it closes',
    async (stage) => {
      const leaving = await stage.join({ action: ['orders.create'], undo: ['orders.delete'], acks: true });
      const staying = await stage.join({ action: ['orders.create'], undo: ['orders.delete'], acks: true });
      await leaving.transport.close();
      assert.deepEqual(await staying.publish(wakeUp(1, 'orders.create'), wakeUp(2, 'orders.delete', 'undo')), ['sent', 'sent']);
      await staying.hasReceived(1, 'action');
      await staying.hasReceived(1, 'undo');
    },
  ],
];
