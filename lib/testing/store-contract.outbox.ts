import assert from 'node:assert/strict';
import type { OutboxEvent, StoredEvent } from '../ports/outbox-event';
import type { SagaStore } from '../ports/saga-store';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { SECOND } from './store-contract.scenario';

const LEASE_MS = 30 * SECOND;

function event(number: number, more: Partial<OutboxEvent> = {}): OutboxEvent {
  const id = `01J${String(number).padStart(23, '0')}`;
  return { id, type: 'order.placed', version: 1, aggregate: 'order', key: 'o-1', headers: {}, payload: { number }, ...more };
}

async function addEvents(store: SagaStore, count: number): Promise<readonly string[]> {
  const events = Array.from({ length: count }, (_, number) => event(number));
  for (const one of events) await store.addEvent(one);
  return idsOf(events);
}

function take(store: SagaStore, taker = 'a', limits: { readonly limit?: number; readonly maxBytes?: number } = {}) {
  return store.takeEvents({ taker, limit: 100, maxBytes: 1_000_000, leaseMs: LEASE_MS, ...limits });
}

function idsOf(events: readonly Pick<OutboxEvent, 'id'>[]): readonly string[] {
  return events.map(({ id }) => id);
}

export const outboxCases: readonly StoreCase[] = [
  promise('an event comes out as it was added, and an id that is added twice is one event', async ({ store }) => {
    const payload = { text: 'ä\u2028"', list: [1.5, null, true, { deep: [] }] };
    const added = event(1, { version: 7, key: 'k "1"', headers: { traceparent: '00-ä' }, payload });
    same(await store.addEvent(added), { committed: null });
    await store.addEvent(added);
    const taken = await take(store);
    assert.equal(taken.length, 1);
    const { at, tries, ...rest } = taken[0] as StoredEvent;
    same(rest, added);
    assert.ok(at instanceof Date && !Number.isNaN(at.getTime()));
    assert.equal(tries, 1);
  }),

  promise('a payload that is null, a text or a number comes out as it was added', async ({ store }) => {
    const payloads = [null, 'text', 42, false, []];
    for (const [number, payload] of payloads.entries()) await store.addEvent(event(number, { payload }));
    same(
      (await take(store)).map(({ payload }) => payload),
      payloads,
    );
  }),

  promise('two relays that take events at the same time never take the same one', async ({ store }) => {
    const added = await addEvents(store, 40);
    const batches = await Promise.all(['a', 'b', 'c', 'd'].map((taker) => take(store, taker, { limit: 15 })));
    // What two wanted at the same moment is left by one of them, for later.
    const taken = idsOf([...batches.flat(), ...(await take(store))]);
    same([...taken].sort(), [...added].sort());
    same(await take(store, 'e'), []);
  }),

  promise('events are taken in the order in which they were added, no more of them than asked for', async ({ store }) => {
    const added = await addEvents(store, 5);
    same(idsOf(await take(store, 'a', { limit: 2 })), added.slice(0, 2));
    same(idsOf(await take(store, 'b', { limit: 9 })), added.slice(2));
  }),

  promise('no more payload is taken than asked for, but always one event', async ({ store }) => {
    for (const number of [0, 1, 2, 3]) await store.addEvent(event(number, { payload: 'x'.repeat(1_000) }));
    same((await take(store, 'a', { maxBytes: 2_500 })).length, 2);
    same((await take(store, 'a', { maxBytes: 10 })).length, 1);
    same((await take(store, 'a', { maxBytes: 10_000 })).length, 1);
  }),

  promise('an event whose relay died is taken by another one when the lease is over, and counted', async ({ store, advance }) => {
    const [id] = await addEvents(store, 1);
    await take(store, 'dead');
    await advance(LEASE_MS - 5 * SECOND);
    same(await take(store, 'b'), []);
    await advance(6 * SECOND);
    const [again] = await take(store, 'b');
    assert.equal(again?.id, id);
    assert.equal(again?.tries, 2);
  }),

  promise('a returned event comes back at its time, and before its lease is over', async ({ store, advance }) => {
    const [first, second] = (await addEvents(store, 2)) as [string, string];
    await take(store);
    await store.returnEvents('a', [
      { id: second, inMs: 0 },
      { id: first, inMs: 10 * SECOND },
    ]);
    same(idsOf(await take(store, 'b')), [second]);
    await advance(5 * SECOND);
    same(await take(store, 'b'), []);
    await advance(6 * SECOND);
    same(idsOf(await take(store, 'b')), [first]);
  }),

  promise('an event is not returned by whom it was taken from', async ({ store, advance }) => {
    const [id] = (await addEvents(store, 1)) as [string];
    await take(store, 'slow');
    await advance(LEASE_MS + SECOND);
    same(idsOf(await take(store, 'b')), [id]);
    await store.returnEvents('slow', [{ id, inMs: 0 }]);
    same(await take(store, 'c'), []);
  }),

  promise('a dropped event never comes back, whoever drops it and how often', async ({ store, advance }) => {
    const [gone, stays] = (await addEvents(store, 2)) as [string, string];
    await take(store, 'a');
    await store.dropEvents([gone]);
    await store.dropEvents([gone, 'unknown']);
    await store.returnEvents('a', [{ id: gone, inMs: 0 }]);
    await advance(LEASE_MS + SECOND);
    same(idsOf(await take(store, 'b')), [stays]);
    await store.dropEvents([]);
    await store.returnEvents('b', []);
  }),
];
