import { describe, expect, it, jest } from '@jest/globals';
import type { MessageTransport, PublishResult, TransportStatus, WakeUp } from '../ports/message-transport';
import { Dispatcher } from './dispatcher';

const WAKE_UP: WakeUp = { sagaId: 's', operation: { step: 0, direction: 'action', round: 1 }, key: 'run' };

class FakeBroker implements MessageTransport {
  readonly description = 'a fake broker';
  readonly sent: WakeUp[] = [];
  answer: PublishResult = 'sent';
  state: TransportStatus = { connected: true, blocked: false, consuming: [] };
  open = async (): Promise<void> => undefined;
  stop = async (): Promise<void> => undefined;
  close = async (): Promise<void> => undefined;
  consume = (): void => undefined;
  publishEvents = async (): Promise<readonly []> => [];
  status = (): TransportStatus => this.state;

  async publish(wakeUps: readonly WakeUp[]): Promise<readonly PublishResult[]> {
    this.sent.push(...wakeUps);
    return wakeUps.map(() => this.answer);
  }
}

function dispatcherOver(broker: FakeBroker) {
  const here: WakeUp[] = [];
  const dispatcher = new Dispatcher(broker, { notify: () => undefined }, 0, (wakeUp) => here.push(wakeUp) > 0);
  return { dispatcher, here };
}

describe('Dispatcher', () => {
  it('works without the broker while it is out of reach, and goes back to it when it is back', async () => {
    const broker = new FakeBroker();
    const { dispatcher, here } = dispatcherOver(broker);
    broker.state = { connected: false, blocked: false, consuming: [] };
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length]).toEqual([1, 0]);
    broker.state = { connected: true, blocked: false, consuming: [] };
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length]).toEqual([1, 1]);
    dispatcher.stop();
  });

  it('does itself what no queue takes, and does not take that for a broker that is down', async () => {
    const broker = new FakeBroker();
    broker.answer = 'unroutable';
    const { dispatcher, here } = dispatcherOver(broker);
    await dispatcher.send([WAKE_UP]);
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length, dispatcher.inFallback]).toEqual([2, 2, false]);
    dispatcher.stop();
  });

  it('works without a broker that confirms nothing, and asks it now and then whether it is back', async () => {
    const broker = new FakeBroker();
    broker.answer = 'unavailable';
    const { dispatcher, here } = dispatcherOver(broker);
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length, dispatcher.inFallback]).toEqual([0, 1, true]);
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length, dispatcher.inFallback]).toEqual([1, 2, true]);
    broker.answer = 'sent';
    await dispatcher.send([WAKE_UP]);
    expect([here.length, broker.sent.length, dispatcher.inFallback]).toEqual([2, 3, false]);
    dispatcher.stop();
  });

  it('works without a broker that has blocked its publishers', () => {
    const broker = new FakeBroker();
    broker.state = { connected: true, blocked: true, consuming: [] };
    expect(dispatcherOver(broker).dispatcher.inFallback).toBe(true);
  });

  it('tries each wake-up again once at a time, however often it is found due while the broker is away', async () => {
    jest.useFakeTimers();
    try {
      const broker = new FakeBroker();
      broker.answer = 'unavailable';
      const dispatcher = new Dispatcher(broker, { notify: () => undefined }, 0, () => false);
      for (let sweeps = 0; sweeps < 20; sweeps++) await dispatcher.send([WAKE_UP]);
      await jest.advanceTimersByTimeAsync(60_000);
      const sentBefore = broker.sent.length;
      await jest.advanceTimersByTimeAsync(60_000);
      expect(broker.sent.length - sentBefore).toBeLessThanOrEqual(31); // every 2 s
      dispatcher.stop();
    } finally {
      jest.useRealTimers();
    }
  });
});
