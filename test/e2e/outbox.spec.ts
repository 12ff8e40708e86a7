import { Injectable } from '@nestjs/common';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  getSagaEventsToken,
  inMemoryStore,
  inProcessTransport,
  InjectSagaEvents,
  rabbitMqTransport,
  SagaEvents,
  SagaInputError,
  SagaManagerError,
  SagaModule,
  SagaStep,
  type SagaSignal,
  type StoredEvent,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { Proxy } from '../contract/transport-proxy';
import { buildSample } from './order-sample/program';
import { until } from './order-sample/until';
import { EventListener, type HeardEvent } from './outbox/event-listener';
import { PublisherProcess } from './outbox/publisher-process';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';

afterEach(closeApps);
afterEach(() => EventListener.closeAll());

interface Outbox {
  readonly app: SagaApp;
  readonly events: SagaEvents;
  readonly database: DataSource;
  readonly namespace: string;
  readonly listener: EventListener;
  /** Names of the events that are not announced yet, by what the table says. */
  waiting(): Promise<readonly string[]>;
  isEmpty(): Promise<void>;
}

async function bootOutbox(setup: AppSetup = {}): Promise<Outbox> {
  const namespace = setup.namespace ?? freshName();
  const listener = await EventListener.on(`${namespace}.events`);
  // A long lease: nothing here may depend on one that ends by chance.
  const app = await bootSagaApp({ ...setup, namespace, options: { leaseMs: 30_000, ...setup.options } });
  const database = app.context.get(DataSource);
  const waiting = async (): Promise<readonly string[]> => {
    const rows = await database.query<{ name: string }[]>(`SELECT payload ->> 'name' AS name FROM "${namespace}".outbox ORDER BY seq`);
    return rows.map(({ name }) => name);
  };
  const isEmpty = async (): Promise<void> => {
    await until('an empty outbox', async () => ((await waiting()).length === 0 ? true : undefined));
  };
  return { app, events: app.context.get(SagaEvents), database, namespace, listener, waiting, isEmpty };
}

const nameOf = ({ payload }: Pick<HeardEvent, 'payload'>): string => (payload as { name: string }).name;
const has = (name: string) => (heard: readonly HeardEvent[]) => heard.map(nameOf).includes(name);

describe('An event that is published in a transaction', () => {
  it('is announced when that commits, as it was published', async () => {
    const { events, database, listener, isEmpty } = await bootOutbox();
    const { id } = await database.transaction(async (manager) => {
      const options = { version: 2, key: 'o-1', aggregate: 'order', headers: { tenant: 'a' }, manager };
      return events.publish('order.placed', { name: 'one', amount: 1.5 }, options);
    });
    await listener.hears(has('one'));
    const headers = { tenant: 'a', 'x-event-version': 2, 'x-event-aggregate': 'order', 'x-event-key': 'o-1' };
    expect(listener.heard).toEqual([{ id, type: 'order.placed', payload: { name: 'one', amount: 1.5 }, headers }]);
    await isEmpty();
  });

  it('is never announced when that, or the savepoint it was published in, is rolled back', async () => {
    const { events, database, listener, isEmpty } = await bootOutbox();
    const failing = database.transaction(async (manager) => {
      await events.publish('order.placed', { name: 'rolled back' }, { manager });
      throw new Error('the order could not be saved');
    });
    await expect(failing).rejects.toThrow('the order could not be saved');
    await database.transaction(async (manager) => {
      const part = manager.transaction(async (nested) => {
        await events.publish('order.placed', { name: 'of a part that was rolled back' }, { manager: nested });
        throw new Error('not this part');
      });
      await expect(part).rejects.toThrow('not this part');
      await events.publish('order.placed', { name: 'committed' }, { manager });
    });
    // What is announced later comes after everything that was to be announced.
    await events.publish('order.placed', { name: 'last' });
    await listener.hears(has('last'));
    await isEmpty();
    expect(listener.heard.map(nameOf)).toEqual(['committed', 'last']);
  });

  it('is not announced before the commit, however long that takes', async () => {
    const { events, database, listener } = await bootOutbox();
    await database.transaction(async (manager) => {
      await events.publish('order.placed', { name: 'open' }, { manager });
      await events.publish('order.placed', { name: 'meanwhile' });
      await listener.hears(has('meanwhile'));
      expect(listener.heard.map(nameOf)).toEqual(['meanwhile']);
    });
    await listener.hears(has('open'));
  });

  it('is refused without an open transaction, and nothing is stored', async () => {
    const { events, database, waiting } = await bootOutbox({ options: { autoStart: false } });
    await expect(events.publish('order.placed', { name: 'x' }, { manager: database.manager })).rejects.toThrow(SagaManagerError);
    expect(await waiting()).toEqual([]);
  });
});

describe('Events', () => {
  it('of one process are announced in the order in which they were published', async () => {
    const { events, listener } = await bootOutbox();
    const names = Array.from({ length: 300 }, (_, n) => `e-${n}`);
    for (const name of names) await events.publish('order.placed', { name });
    await listener.hears((heard) => heard.length >= 300);
    expect(listener.heard.map(nameOf)).toEqual(names);
  });

  it('are each announced once by many processes that relay at the same time', async () => {
    const first = await bootOutbox();
    const others = await Promise.all([1, 2].map(() => bootSagaApp({ namespace: first.namespace, options: { leaseMs: 30_000 } })));
    const publishers = [first.events, ...others.map((app) => app.context.get(SagaEvents))];
    const published = await Promise.all(
      Array.from({ length: 300 }, (_, n) => publishers[n % 3]!.publish('order.placed', { name: `e-${n}` })),
    );
    await first.listener.hears((heard) => heard.length >= 300);
    await first.isEmpty();
    expect(first.listener.heard.map(({ id }) => id).sort()).toEqual(published.map(({ id }) => id).sort());
  });

  it('that were published while the broker was down are announced when it is back, in their order', async () => {
    const broker = await Proxy.for(process.env['AMQP_URL'] ?? '').reserve();
    const namespace = freshName();
    const transport = rabbitMqTransport({ uri: broker.uri(), exchange: namespace });
    const { events, database, listener, waiting, isEmpty } = await bootOutbox({ namespace, options: { transport } });
    await events.publish('order.placed', { name: 'one' });
    await database.transaction((manager) => events.publish('order.placed', { name: 'two' }, { manager }));
    expect(await waiting()).toEqual(['one', 'two']);
    await broker.plugIn();
    await listener.hears(has('two'));
    expect(listener.heard.map(nameOf)).toEqual(['one', 'two']);
    await isEmpty();
    // And once more, with connections that break.
    await broker.plugOut();
    await events.publish('order.placed', { name: 'three' });
    await broker.plugIn();
    await listener.hears(has('three'));
    await closeApps();
    await broker.plugOut();
  });

  it('that a handler publishes as its process shuts down are announced before it is gone', async () => {
    @Injectable()
    class Steps {
      constructor(private readonly events: SagaEvents) {}
      end: (() => void) | undefined;
      @SagaStep('work') async work() {
        await new Promise<void>((resolve) => (this.end = resolve));
        await this.events.publish('work.done', { name: 'last words' });
      }
    }
    const { app, events, listener } = await bootOutbox({ providers: [Steps], options: { drainMs: 10_000 } });
    await events.publish('work.begins', { name: 'first words' });
    await listener.hears(has('first words')); // from here on the broker is there
    await app.sagas.start('s', [{ name: 'work', action: 'work' }]);
    const end = await until('the handler to run', async () => app.context.get(Steps).end);
    const closed = app.close();
    end();
    await closed;
    await listener.hears(has('last words'));
  });

  it('are announced by a process that has no workers', async () => {
    const { events, listener, app } = await bootOutbox({ options: { workers: { steps: 0, compensations: 0 } } });
    const { id } = await events.publish('order.placed', { name: 'one' });
    await listener.hears(has('one'));
    expect(await app.signal('event.published')).toEqual({ type: 'event.published', eventId: id, eventType: 'order.placed' });
  });

  it('wait for run() in a process that does not start by itself', async () => {
    const { events, listener, app, waiting } = await bootOutbox({ options: { autoStart: false } });
    await events.publish('order.placed', { name: 'one' });
    expect(await waiting()).toEqual(['one']);
    await app.sagas.run();
    await listener.hears(has('one'));
  });
});

describe('kill -9 of a process that publishes', () => {
  beforeAll(buildSample, 120_000);
  afterEach(() => PublisherProcess.killAll());

  it('right after its commit: another process announces it, and what was not committed is never announced', async () => {
    const { listener, namespace, events, isEmpty } = await bootOutbox();
    const moments = [-1, 0, 1, 3, 10, 30];
    for (const turns of moments) {
      const publisher = await PublisherProcess.boot(namespace);
      await publisher.publish(`before ${turns}`); // from here on it is connected to both services
      await listener.hears(has(`before ${turns}`));
      await publisher.publishAndDie(`${turns} turns`, turns);
    }
    const committed = moments.filter((turns) => turns >= 0).map((turns) => `${turns} turns`);
    await listener.hears((heard) => committed.every((name) => has(name)(heard)));
    await isEmpty();
    await events.publish('order.placed', { name: 'last' });
    await listener.hears(has('last'));
    expect(listener.heard.map(nameOf)).not.toContain('-1 turns');
    // Whatever came twice came under one id.
    const names = new Set(listener.heard.map(nameOf));
    expect(new Set(listener.heard.map((event) => `${event.id} ${nameOf(event)}`)).size).toBe(names.size);
  }, 120_000);

  it('that had taken events and waits for the broker: another process announces them after the lease', async () => {
    const broker = Proxy.for(process.env['AMQP_URL'] ?? '');
    await broker.plugIn();
    const { listener, namespace, database, app, isEmpty } = await bootOutbox({ options: { autoStart: false } });
    const publisher = await PublisherProcess.boot(namespace, broker.uri());
    await publisher.publish('before');
    await listener.hears(has('before'));
    broker.blackhole();
    await publisher.publish('taken');
    await until('the event to be taken', async () => {
      const taken = await database.query<unknown[]>(`SELECT 1 FROM "${namespace}".outbox WHERE locked_by IS NOT NULL`);
      return taken.length > 0 ? true : undefined;
    });
    await publisher.kill();
    await broker.plugOut();
    expect(listener.heard.map(nameOf)).toEqual(['before']);
    await app.sagas.run();
    await listener.hears(has('taken'));
    await isEmpty();
  }, 60_000);

  it('between the confirm and the end of it: announced twice, under one message id', async () => {
    const { listener, namespace, database, app, isEmpty } = await bootOutbox({ options: { autoStart: false } });
    const lock = database.createQueryRunner();
    await lock.query(`SELECT pg_advisory_lock(hashtext($1))`, [namespace]);
    await database.query(`CREATE FUNCTION "${namespace}".hold() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_advisory_xact_lock(hashtext('${namespace}')); RETURN NULL; END $$`);
    await database.query(`CREATE TRIGGER hold BEFORE DELETE ON "${namespace}".outbox EXECUTE FUNCTION "${namespace}".hold()`);
    const publisher = await PublisherProcess.boot(namespace);
    await publisher.publish('twice');
    await listener.hears(has('twice'));
    const waiting = `FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND position($1 IN query) > 0 AND query LIKE 'DELETE%'`;
    await until('the row to be held', async () => (await database.query<unknown[]>(`SELECT 1 ${waiting}`, [namespace]))[0]);
    await publisher.kill();
    // A statement goes on without its client.
    await database.query(`SELECT pg_terminate_backend(pid) ${waiting}`, [namespace]);
    await until('the statement to be gone', async () => {
      const left = await database.query<unknown[]>(`SELECT 1 ${waiting}`, [namespace]);
      return left.length === 0 ? true : undefined;
    });
    await lock.query(`SELECT pg_advisory_unlock(hashtext($1))`, [namespace]);
    await lock.release();
    await app.sagas.run();
    await listener.hears((heard) => heard.length >= 2);
    await isEmpty();
    expect(listener.heard.map(nameOf)).toEqual(['twice', 'twice']);
    expect(new Set(listener.heard.map(({ id }) => id)).size).toBe(1);
  }, 60_000);
});

describe('publish()', () => {
  const inMemory = () => {
    const heard: StoredEvent[] = [];
    return { heard, options: { store: inMemoryStore(), transport: inProcessTransport({ onEvent: (event) => void heard.push(event) }) } };
  };

  it.each<[string, unknown, unknown, unknown, string]>([
    ['a type that is no name', 'order placed', {}, {}, ''],
    ['no type', undefined, {}, {}, ''],
    ['a payload with NaN', 't', { n: [1, Number.NaN] }, {}, '/n/1'],
    ['a payload with a key that changes objects', 't', JSON.parse('{"__proto__": 1}'), {}, '/__proto__'],
    ['a payload that is too large', 't', { text: 'x'.repeat(300_000) }, {}, ''],
    ['options that are null', 't', {}, null, ''],
    ['a misspelt option', 't', {}, { verison: 2 }, '/verison'],
    ['a version that is no number', 't', {}, { version: '2' }, '/version'],
    ['version 0', 't', {}, { version: 0 }, '/version'],
    ['a version with a fraction', 't', {}, { version: 1.5 }, '/version'],
    ['no manager where one was meant', 't', {}, { manager: null }, '/manager'],
    ['an empty key', 't', {}, { key: '' }, '/key'],
    ['a key that is too long', 't', {}, { key: 'x'.repeat(201) }, '/key'],
    ['a key with a NUL', 't', {}, { key: 'a\0b' }, ''],
    ['a key that is a number', 't', {}, { key: 5 }, '/key'],
    ['an aggregate that is no name', 't', {}, { aggregate: 'an order' }, '/aggregate'],
    ['headers that are a list', 't', {}, { headers: ['a'] }, '/headers'],
    ['a header that is no text', 't', {}, { headers: { a: 1 } }, '/headers/a'],
    ['a header whose name is none', 't', {}, { headers: { 'a b': 'x' } }, '/headers/a b'],
    ['a header that would choose more routes', 't', {}, { headers: { BCC: 'x' } }, '/headers/BCC'],
    ['a header of the broker', 't', {}, { headers: { 'x-delay': '5' } }, '/headers/x-delay'],
    ['headers that no frame holds', 't', {}, { headers: { a: 'x'.repeat(5_000) } }, ''],
  ])('refuses %s with a pointer to its place, and stores nothing', async (_what, type, payload, options, path) => {
    const { heard, options: of } = inMemory();
    const { context, signal } = await bootSagaApp({ options: of });
    const events = context.get(SagaEvents);
    const refused: unknown = await events.publish(type as string, payload, options as never).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(SagaInputError);
    expect((refused as SagaInputError).path).toBe(path);
    const { id } = await events.publish('good', null);
    await signal('event.published');
    await until('the good one', async () => (heard.length > 0 ? true : undefined));
    expect(heard).toMatchObject([{ id, type: 'good', version: 1, aggregate: 'good', key: id, headers: {}, payload: null }]);
  });

  it('tells of an event that is announced nowhere but in the outbox of its own engine', async () => {
    @Injectable()
    class Billing {
      constructor(@InjectSagaEvents('billing') readonly events: SagaEvents) {}
    }
    const [one, other] = [inMemory(), inMemory()];
    const signals: SagaSignal[] = [];
    const observers = [{ notify: (signal: SagaSignal) => void signals.push(signal) }];
    const { context } = await bootSagaApp({
      options: one.options,
      imports: [SagaModule.forRoot({ name: 'billing', ...other.options, observers })],
      providers: [Billing],
    });
    const { events } = context.get(Billing);
    expect(context.get(getSagaEventsToken('billing'))).toBe(events);
    await events.publish('invoice.paid', { name: 'one' });
    await until('the event', async () => (other.heard.length > 0 ? true : undefined));
    expect(signals.filter(({ type }) => type === 'event.published')).toHaveLength(1);
    expect(one.heard).toEqual([]);
  });

  it('of inProcessTransport() is heard by a function, and by nothing else', async () => {
    const boot = (onEvent: unknown) =>
      bootSagaApp({ options: { store: inMemoryStore(), transport: inProcessTransport({ onEvent } as never) } });
    await expect(boot('log')).rejects.toThrow('inProcessTransport(): onEvent must be a function');
  });
});
