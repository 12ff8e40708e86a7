import { describe, expect, it } from '@jest/globals';
import type { Delivery } from '../../ports/message-transport';
import { InProcessTransport } from './in-process.transport';
import { InProcessExchange } from './in-process.transport-exchange';

const wakeUp = (key: string) =>
  ({ sagaId: '01J00000000000000000000001', operation: { step: 0, direction: 'action', round: 0 }, key }) as const;

function subscribed(exchange: InProcessExchange, keys: readonly string[], onDelivery: (delivery: Delivery) => void): InProcessTransport {
  const transport = new InProcessTransport(exchange);
  transport.consume({ direction: 'action', keys, prefetch: 1, onDelivery, onUnreadable: async () => undefined });
  void transport.open();
  return transport;
}

describe('InProcessTransport', () => {
  it('never runs a subscriber inside its publisher', async () => {
    const received: Delivery[] = [];
    const transport = subscribed(new InProcessExchange(), ['a'], (delivery) => received.push(delivery));
    await transport.publish([wakeUp('a')]);
    expect(received).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(received).toHaveLength(1);
  });

  it('refuses what is beyond its bound', async () => {
    const transport = subscribed(new InProcessExchange(), ['a'], () => undefined);
    const results = await transport.publish(Array.from({ length: 100_005 }, () => wakeUp('a')));
    expect(results.filter((result) => result === 'sent')).toHaveLength(100_000);
    expect(results.at(-1)).toBe('unavailable');
  });

  it('lets no key starve another', async () => {
    const order: string[] = [];
    const transport = subscribed(new InProcessExchange(), ['a', 'b'], ({ wakeUp: { key }, ack }) => {
      order.push(key);
      ack();
    });
    await transport.publish([wakeUp('a'), wakeUp('a'), wakeUp('a'), wakeUp('b')]);
    while (order.length < 4) await new Promise((resolve) => setImmediate(resolve));
    expect(order.indexOf('b')).toBeLessThan(2);
  });

  it('forgets what waits for a subscriber that was the last one', async () => {
    const exchange = new InProcessExchange();
    const transport = subscribed(exchange, ['a'], () => undefined);
    await transport.publish([wakeUp('a'), wakeUp('a')]);
    await transport.close();
    const received: Delivery[] = [];
    const next = subscribed(exchange, ['a'], (delivery) => received.push(delivery));
    await new Promise((resolve) => setImmediate(resolve));
    expect(received).toEqual([]);
    await expect(next.publish([wakeUp('a')])).resolves.toEqual(['sent']);
  });
});
