import { describe, expect, it } from '@jest/globals';
import { inMemoryStore } from '../adapters/memory/in-memory-store.definition';
import { inProcessTransport } from '../adapters/memory/in-process-transport.definition';
import type { Delivery } from '../ports/message-transport';
import { withFaultPoints, withTransportFaultPoints } from './fault-points';

const ENVIRONMENT = { instance: 'default', group: '', resolve: () => undefined, warn: () => undefined, trouble: () => undefined };
const OPERATION = { step: 0, direction: 'action', round: 1 } as const;

describe('fault points', () => {
  it('come before and after every verb of a store', async () => {
    const reached: string[] = [];
    const store = withFaultPoints(inMemoryStore(), (name) => void reached.push(name)).create(ENVIRONMENT);
    expect(store.description).toContain('memory');
    expect(await store.find('01ARZ3NDEKTSV4RRFFQ69G5FAV')).toBeNull();
    await store.apply([{ sagaId: 'none', event: { type: 'deadline' }, resendMs: 1 }], () => ({ kind: 'ignored', reason: 'terminal' }));
    expect(reached).toEqual(['find.before', 'find.after', 'apply.deadline.before', 'apply.deadline.after']);
  });

  it('keep a verb from being called, or its answer from its caller', async () => {
    const lose = withFaultPoints(inMemoryStore(), (name) => {
      if (name === 'writeHandlers.after') throw new Error('the answer was lost');
      if (name === 'leaveHandlers.before') throw new Error('never sent');
    });
    const store = lose.create(ENVIRONMENT);
    const declaration = { direction: 'action', key: 'a', undoes: null, policy: {} } as const;
    await expect(store.writeHandlers('g', [declaration])).rejects.toThrow('the answer was lost');
    await expect(store.leaveHandlers('g')).rejects.toThrow('never sent');
    expect(await store.readHandlers()).toMatchObject([{ group: 'g', left: false }]);
  });

  it('come before and after each wake-up that is sent and each one that is acknowledged', async () => {
    const reached: string[] = [];
    const transport = withTransportFaultPoints(inProcessTransport(), (name) => void reached.push(name)).create(ENVIRONMENT);
    await transport.open();
    const delivered = new Promise<Delivery>((resolve) => {
      transport.consume({ direction: 'action', keys: ['a'], prefetch: 1, onDelivery: resolve, onUnreadable: async () => undefined });
    });
    expect(await transport.publish([{ sagaId: 's', operation: OPERATION, key: 'a' }])).toEqual(['sent']);
    (await delivered).ack();
    expect(transport.status().consuming).toEqual(['action']);
    expect(reached).toEqual(['publish.before', 'publish.after', 'ack.before', 'ack.after']);
    await transport.close();
  });
});
