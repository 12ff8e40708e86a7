import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Compensate,
  inProcessTransport,
  type MessageTransport,
  rabbitMqTransport,
  SagaStep,
  type StepContext,
  StepError,
  type TransportDefinition,
} from 'nest-saga';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  readonly done: string[] = [];
  @SagaStep('do') do(input: { readonly fails?: boolean }, ctx: StepContext) {
    if (input.fails === true) throw new StepError({ message: 'no', retryable: false });
    this.done.push(ctx.idempotencyKey);
  }
  @Compensate('undo', { for: 'do' }) undo(_output: unknown, ctx: StepContext) {
    this.done.push(ctx.idempotencyKey);
  }
}

const step = (name: string, fails = false) => ({ name, action: 'do', input: { fails } });
const GOOD = [step('a'), [step('b'), step('c')], step('d')];
const BAD = [step('a'), [step('b'), step('c')], step('d', true)];

/** The in-process transport, with its `publish` replaced. */
function unreliable(
  publish: (real: MessageTransport, ...args: Parameters<MessageTransport['publish']>) => ReturnType<MessageTransport['publish']>,
): TransportDefinition {
  const definition = inProcessTransport();
  return {
    ...definition,
    create: (environment) => {
      const real = definition.create(environment);
      return {
        description: 'an unreliable transport',
        open: () => real.open(),
        publish: (wakeUps) => publish(real, wakeUps),
        consume: (subscription) => real.consume(subscription),
        stop: () => real.stop(),
        close: () => real.close(),
        status: () => real.status(),
        publishEvents: (events) => real.publishEvents(events),
      };
    },
  };
}

const sent = async (real: MessageTransport, wakeUps: Parameters<MessageTransport['publish']>[0]) => {
  await real.publish(wakeUps);
  return wakeUps.map(() => 'sent' as const);
};

describe.each([
  ['loses every message', unreliable(async (_real, wakeUps) => wakeUps.map(() => 'sent' as const))],
  ['delivers every message ten times', unreliable((real, wakeUps) => sent(real, Array.from({ length: 10 }, () => wakeUps).flat()))],
  [
    'delivers late and out of order, old messages too',
    (() => {
      const kept: Parameters<MessageTransport['publish']>[0][number][] = [];
      return unreliable((real, wakeUps) => {
        kept.push(...wakeUps);
        return sent(real, [...kept].reverse());
      });
    })(),
  ],
  ['says it is down', unreliable(async (_real, wakeUps) => wakeUps.map(() => 'unavailable' as const))],
])('A broker that %s', (_what, transport) => {
  it('costs time and nothing else: every saga ends, nothing is lost and nothing done twice', async () => {
    const app = await bootSagaApp({ providers: [Steps], options: { transport, brokerFallbackMs: 200, resendMs: 50, sweepMs: 50 } });
    const started = await Promise.all([GOOD, BAD, GOOD, BAD].map((steps) => app.sagas.start('s', steps)));
    const ended = await Promise.all(started.map(({ id }) => app.sagas.waitFor(id)));
    expect(ended.map((saga) => saga.state)).toEqual(['completed', 'compensated', 'completed', 'compensated']);
    const { done } = app.context.get(Steps);
    expect(new Set(done).size).toBe(done.length);
    expect(done).toHaveLength(4 + 6 + 4 + 6);
  });
});

describe('RabbitMQ that is down at boot', () => {
  it('delays neither the boot nor start(), and the sagas run all the same', async () => {
    const namespace = freshName();
    const transport = rabbitMqTransport({ uri: 'amqp://guest:guest@127.0.0.1:1', exchange: namespace });
    const app = await bootSagaApp({ namespace, providers: [Steps], options: { transport, brokerFallbackMs: 300 } });
    const { id } = await app.sagas.start('s', GOOD);
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
  });
});

describe('A process whose clock is two hours off', () => {
  it.each([[-2], [2]])("(%i) runs, retries and undoes sagas as any other: times are the database's", async (hours) => {
    const namespace = freshName();
    const real = Date.now;
    jest.spyOn(Date, 'now').mockImplementation(() => real() + hours * 3_600_000);
    try {
      const app = await bootSagaApp({ namespace, providers: [Steps], options: { sweepMs: 600_000 } });
      const started = await Promise.all([GOOD, BAD].map((steps) => app.sagas.start('s', steps, {}, { deadlineMs: 60_000 })));
      const ended = await Promise.all(started.map(({ id }) => app.sagas.waitFor(id)));
      expect(ended.map((saga) => saga.state)).toEqual(['completed', 'compensated']);
      for (const saga of ended) expect(Math.abs(saga.createdAt.getTime() - real())).toBeLessThan(60_000);
    } finally {
      jest.restoreAllMocks();
    }
  });
});
