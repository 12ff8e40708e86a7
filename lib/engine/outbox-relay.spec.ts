import { afterEach, describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import type { MessageTransport, TransportStatus } from '../ports/message-transport';
import type { StoredEvent } from '../ports/outbox-event';
import type { SagaSignal } from '../ports/saga-observer';
import { OutboxRelay } from './outbox-relay';

type Answer = 'sent' | 'unavailable';

class FakeBroker implements MessageTransport {
  readonly description = 'a fake broker';
  readonly batches: (readonly StoredEvent[])[] = [];
  state: TransportStatus = { connected: true, blocked: false, consuming: [] };
  answer: (event: StoredEvent) => Answer = () => 'sent';
  /** What the confirms wait for. */
  gate: Promise<void> | undefined;
  open = async (): Promise<void> => undefined;
  stop = async (): Promise<void> => undefined;
  close = async (): Promise<void> => undefined;
  consume = (): void => undefined;
  publish = async (): Promise<readonly []> => [];
  status = (): TransportStatus => this.state;

  async publishEvents(events: readonly StoredEvent[]): Promise<readonly Answer[]> {
    this.batches.push(events);
    await this.gate;
    return events.map((event) => this.answer(event));
  }

  get announced(): readonly string[] {
    return this.batches.flat().map(({ id }) => id);
  }
}

/** Counts what it is asked. */
class WatchedStore extends InMemorySagaStore {
  taken = 0;
  override async takeEvents(...args: Parameters<InMemorySagaStore['takeEvents']>): ReturnType<InMemorySagaStore['takeEvents']> {
    this.taken++;
    return super.takeEvents(...args);
  }
}

const relays: OutboxRelay[] = [];
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
});

function given({ sweepMs = 60_000, now }: { readonly sweepMs?: number; readonly now?: () => number } = {}) {
  const store = new WatchedStore(now);
  const broker = new FakeBroker();
  const signals: SagaSignal[] = [];
  const relay = (taker = 'a'): OutboxRelay => {
    const made = new OutboxRelay(store, broker, { notify: (signal) => void signals.push(signal) }, { leaseMs: 30_000, sweepMs }, taker);
    relays.push(made);
    return made;
  };
  const add = async (...ids: readonly string[]): Promise<void> => {
    for (const id of ids) {
      await store.addEvent({ id, type: 'order.placed', version: 1, aggregate: 'order', key: 'o-1', headers: {}, payload: null });
    }
  };
  const published = (): readonly string[] => signals.flatMap((signal) => (signal.type === 'event.published' ? [signal.eventId] : []));
  return { store, broker, signals, relay, add, published };
}

/** Whatever is left in the outbox, once every lease is over. */
async function leftIn(store: InMemorySagaStore): Promise<readonly string[]> {
  return (await store.takeEvents({ taker: 'test', limit: 1_000, maxBytes: Infinity, leaseMs: 1 })).map(({ id }) => id);
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(setImmediate);
}

describe('OutboxRelay', () => {
  it('announces what was there before it started, the oldest first, and removes it', async () => {
    const { add, relay, store, broker, published } = given();
    const ids = Array.from({ length: 250 }, (_, n) => `e-${n}`);
    await add(...ids);
    relay().start();
    await until(() => published().length === 250);
    expect(broker.announced).toEqual(ids);
    expect(broker.batches.every((batch) => batch.length <= 100)).toBe(true);
    await relays[0]?.stop();
    expect(await leftIn(store)).toEqual([]);
  });

  it('announces what is committed here at once, not at the next look', async () => {
    const { add, relay, store, published } = given();
    const one = relay();
    one.start();
    await until(() => store.taken === 1);
    await add('e-1');
    one.hurry();
    await until(() => published().length === 1);
  });

  it('finds what nobody told it of at its next look', async () => {
    const { add, relay, store, published } = given({ sweepMs: 10 });
    relay().start();
    await until(() => store.taken === 1);
    await add('e-1');
    await until(() => published().length === 1);
  });

  it('asks an empty outbox once, and then not before the next look', async () => {
    const { relay, store } = given();
    relay().start();
    await until(() => store.taken === 1);
    for (let turns = 0; turns < 100; turns++) await new Promise(setImmediate);
    expect(store.taken).toBe(1);
  });

  it.each<[string, Partial<TransportStatus>]>([
    ['is out of reach', { connected: false }],
    ['blocks publishers', { blocked: true }],
  ])('takes nothing while the broker %s, and goes on when it is back', async (_what, state) => {
    const { add, relay, store, broker, published } = given();
    await add('e-1');
    const usual = broker.state;
    broker.state = { ...usual, ...state };
    const one = relay();
    one.start();
    for (let turns = 0; turns < 20; turns++) {
      one.hurry();
      await new Promise(setImmediate);
    }
    expect([store.taken, broker.batches.length]).toEqual([0, 0]);
    broker.state = usual;
    await until(() => published().length === 1);
  });

  it('keeps what was not confirmed, tells of it, and announces it again under the same id', async () => {
    const { add, relay, broker, signals, published, store } = given();
    await add('e-1', 'e-2');
    let refusals = 2;
    broker.answer = ({ id }) => (id === 'e-1' && refusals-- > 0 ? 'unavailable' : 'sent');
    relay().start();
    await until(() => published().length === 2);
    expect(published()).toEqual(['e-2', 'e-1']);
    expect(broker.announced).toEqual(['e-1', 'e-2', 'e-1', 'e-1']);
    expect(signals.filter(({ type }) => type === 'engine.trouble')).toHaveLength(2);
    await relays[0]?.stop();
    expect(await leftIn(store)).toEqual([]);
  });

  it('lets events that are refused again and again keep no others waiting', async () => {
    let now = 0;
    const { add, relay, broker, published } = given({ sweepMs: 20, now: () => now });
    await add(...Array.from({ length: 150 }, (_, n) => `bad-${n}`), 'good');
    broker.answer = ({ id }) => (id === 'good' ? 'sent' : 'unavailable');
    const one = relay();
    one.start();
    await until(() => {
      now += 10;
      one.hurry();
      return published().includes('good');
    });
  });

  it('removes what was announced while the store was out as soon as that is back, and does not announce it again', async () => {
    const { add, relay, store, broker, published } = given({ sweepMs: 10 });
    await add('e-1');
    let outages = 3;
    const drop = store.dropEvents.bind(store);
    store.dropEvents = async (ids) => {
      if (outages-- > 0) throw new Error('the database is out');
      await drop(ids);
    };
    relay().start();
    await until(() => outages < 0);
    expect(published()).toEqual(['e-1']);
    await relays[0]?.stop();
    expect(broker.announced).toEqual(['e-1']);
    expect(await leftIn(store)).toEqual([]);
  });

  it('lives on when the store fails, and says so', async () => {
    const { add, relay, store, signals, published } = given({ sweepMs: 10 });
    await add('e-1');
    const take = store.takeEvents.bind(store);
    let failures = 2;
    store.takeEvents = async (request) => {
      if (failures-- > 0) throw new Error('the database is out');
      return take(request);
    };
    relay().start();
    await until(() => published().length === 1);
    expect(signals.filter((signal) => signal.type === 'engine.trouble' && signal.where === 'outbox')).toHaveLength(2);
  });

  it('shares the work with other relays, and nothing is announced twice', async () => {
    const { add, relay, broker, published } = given();
    const ids = Array.from({ length: 1_000 }, (_, n) => `e-${n}`);
    await add(...ids);
    for (const taker of ['a', 'b', 'c']) relay(taker).start();
    await until(() => published().length === 1_000);
    expect([...broker.announced].sort()).toEqual([...ids].sort());
  });

  it('stops after the confirms it waits for, and announces what was committed before it was stopped', async () => {
    const { add, relay, store, broker, published } = given();
    await add('e-1');
    let confirm = (): void => undefined;
    broker.gate = new Promise((resolve) => (confirm = resolve));
    const one = relay();
    one.start();
    await until(() => broker.batches.length === 1);
    await add('e-2');
    one.hurry();
    const stopped = one.stop();
    expect(published()).toEqual([]);
    confirm();
    await stopped;
    expect(published()).toEqual(['e-1', 'e-2']);
    await add('e-3');
    one.hurry();
    expect(await leftIn(store)).toEqual(['e-3']);
  });
});
