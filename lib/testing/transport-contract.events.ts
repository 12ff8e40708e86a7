import assert from 'node:assert/strict';
import type { StoredEvent } from '../ports/outbox-event';
import { eventually } from './transport-contract.eventually';
import type { Peer } from './transport-contract.peer';

/** An event as a listener gets it. */
export type ArrivedEvent = Pick<StoredEvent, 'id' | 'type' | 'version' | 'aggregate' | 'key' | 'headers' | 'payload'>;

interface EventStage {
  peer(): Peer;
  join(): Promise<Peer>;
  listen(): Promise<readonly ArrivedEvent[]>;
}

function eventOf(number: number): StoredEvent {
  return {
    id: `01J${String(number).padStart(23, '0')}`,
    type: 'order.placed',
    version: 3,
    aggregate: 'order',
    key: `o-${number}`,
    headers: { traceparent: '00-abc' },
    payload: { number, text: 'ä\u2028"' },
    at: new Date(1_763_700_000_000),
    tries: 1,
  };
}

/** What a listener gets of an event. */
function arrived({ at: _at, tries: _tries, ...event }: StoredEvent): ArrivedEvent {
  return event;
}

/** What a transport keeps of the events that an application publishes. */
export const events: readonly (readonly [string, (stage: EventStage) => Promise<void>])[] = [
  [
    'brings events to those who listen, as they were published and in that order',
    async (stage) => {
      const heard = await stage.listen();
      const peer = await stage.join();
      const sent = Array.from({ length: 100 }, (_, number) => eventOf(number));
      assert.deepEqual(await peer.announce(...sent.slice(0, 60)), Array(60).fill('sent'));
      assert.deepEqual(await peer.announce(...sent.slice(60)), Array(40).fill('sent'));
      await eventually('every event', () => heard.length >= 100);
      assert.deepEqual(heard, sent.map(arrived));
    },
  ],
  [
    'takes an event that nobody listens to for sent',
    async (stage) => {
      const peer = await stage.join();
      assert.deepEqual(await peer.announce(eventOf(1)), ['sent']);
      assert.deepEqual(await peer.transport.publishEvents([]), []);
    },
  ],
  [
    'announces an event again when it is asked to, under the same id',
    async (stage) => {
      const heard = await stage.listen();
      const peer = await stage.join();
      await peer.announce(eventOf(1));
      await Promise.all([peer.announce(eventOf(1)), peer.announce(eventOf(1))]);
      await eventually('every copy', () => heard.length >= 3);
      assert.deepEqual([...new Set(heard.map(({ id }) => id))], [eventOf(1).id]);
    },
  ],
  [
    'says unavailable for events before open and after close',
    async (stage) => {
      const peer = stage.peer();
      assert.deepEqual(await peer.transport.publishEvents([eventOf(1)]), ['unavailable']);
      await peer.join();
      await peer.transport.close();
      assert.deepEqual(await peer.transport.publishEvents([eventOf(1), eventOf(2)]), ['unavailable', 'unavailable']);
    },
  ],
  [
    'still announces events between stop and close',
    async (stage) => {
      const heard = await stage.listen();
      const peer = await stage.join();
      await peer.announce(eventOf(1));
      await peer.transport.stop();
      assert.deepEqual(await peer.announce(eventOf(2)), ['sent']);
      await eventually('both events', () => heard.length >= 2);
    },
  ],
];
