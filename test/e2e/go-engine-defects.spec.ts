// The saga engine of github.com/cloudresty/go-rabbitmq, whose documentation this package set out from, does not do what its text says.
// Each of its defects is a promise here.
import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  inProcessTransport,
  ref,
  SagaPlanError,
  SagaStep,
  SagaTerminalError,
  type StepContext,
  StepError,
  type TransportDefinition,
} from 'nest-saga';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

/** Writes down every call; each of its answers can be set. */
@Injectable()
class Ledger {
  readonly calls: string[] = [];
  running = 0;
  mostRunning = 0;
  readonly on = new Map<string, (payload: unknown, ctx: StepContext | CompensationContext) => unknown>();

  async call(key: string, payload: unknown, ctx: StepContext | CompensationContext): Promise<unknown> {
    this.calls.push(key);
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      await Promise.resolve();
      return await this.on.get(key)?.(payload, ctx);
    } finally {
      this.running--;
    }
  }
}

@Injectable()
class Shop {
  constructor(private readonly ledger: Ledger) {}

  @SagaStep('orders.create') create(input: unknown, ctx: StepContext) {
    return this.ledger.call('orders.create', input, ctx);
  }
  @SagaStep('inventory.reserve') reserve(input: unknown, ctx: StepContext) {
    return this.ledger.call('inventory.reserve', input, ctx);
  }
  @SagaStep('payment.charge') charge(input: unknown, ctx: StepContext) {
    return this.ledger.call('payment.charge', input, ctx);
  }
  @Compensate('orders.delete') delete(output: unknown, ctx: CompensationContext) {
    return this.ledger.call('orders.delete', output, ctx);
  }
  @Compensate('inventory.release') release(output: unknown, ctx: CompensationContext) {
    return this.ledger.call('inventory.release', output, ctx);
  }
  @Compensate('payment.refund', { retry: { attempts: 3, backoff: 'fixed', baseMs: 1 } }) refund(output: unknown, ctx: CompensationContext) {
    return this.ledger.call('payment.refund', output, ctx);
  }
}

const ORDER = [
  { name: 'create', action: 'orders.create', compensation: 'orders.delete' },
  { name: 'reserve', action: 'inventory.reserve', compensation: 'inventory.release' },
  { name: 'charge', action: 'payment.charge', compensation: 'payment.refund' },
];

async function shop(options = {}) {
  const app = await bootSagaApp({ providers: [Ledger, Shop], options });
  return { ...app, ledger: app.context.get(Ledger) };
}

const declined = () => {
  throw new StepError({ code: 'DECLINED', message: 'declined', retryable: false });
};

describe('The defects of the Go engine', () => {
  it('does not publish compensations to a queue that nobody reads', async () => {
    const { sagas, ledger, signals } = await shop({ dispatch: 'broker' });
    ledger.on.set('payment.charge', declined);
    const { id } = await sagas.start('order', ORDER);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(ledger.calls).toEqual(['orders.create', 'inventory.reserve', 'payment.charge', 'inventory.release', 'orders.delete']);
    const undone = signals.filter((signal) => signal.type === 'wake-up.sent' && signal.operation.direction === 'undo');
    expect(undone.map((signal) => 'result' in signal && signal.result)).toEqual(['sent', 'sent']);
  });

  it('does not hang in compensating when the first step fails', async () => {
    const { sagas, ledger } = await shop();
    ledger.on.set('orders.create', declined);
    const { id } = await sagas.start('order', ORDER);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('failed');
    expect(saga.isFailed).toBe(true);
    expect(saga.steps.map((step) => step.status)).toEqual(['failed', 'skipped', 'skipped']);
  });

  it('does not discover a missing compensation handler in the middle of a rollback', async () => {
    const { sagas } = await shop();
    const start = sagas.start('order', [{ name: 'create', action: 'orders.create', compensation: 'orders.delet' }]);
    await expect(start).rejects.toThrow(SagaPlanError);
    await expect(start).rejects.toThrow('did you mean "orders.delete"?');
    expect(await sagas.list()).toEqual([]);
  });

  it('does not record a failed compensation as compensated', async () => {
    const { sagas, ledger } = await shop();
    ledger.on.set('payment.refund', () => {
      throw new Error('the bank is down');
    });
    const { id } = await sagas.start('order', [
      ...ORDER,
      { name: 'never', action: 'orders.create', compensation: null, dependsOn: ['charge'] },
    ]);
    ledger.on.set('orders.create', (_input, ctx) => (ctx.step.name === 'never' ? declined() : undefined));
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('stuck');
    expect(saga.steps[2]).toMatchObject({ status: 'compensation_failed', error: { message: 'the bank is down' } });
    expect(ledger.calls.filter((key) => key === 'payment.refund')).toHaveLength(3);
    expect(ledger.calls).not.toContain('orders.delete');
  });

  it('does not flip the saga to failed while it compensates, and listActive keeps it', async () => {
    const { sagas, ledger } = await shop();
    ledger.on.set('payment.charge', declined);
    const seen: [string, string[]][] = [];
    const look = async (_output: unknown, ctx: StepContext | CompensationContext) => {
      const active = await sagas.listActive();
      seen.push([(await sagas.get(ctx.saga.id)).state, active.map((saga) => saga.id)]);
    };
    ledger.on.set('inventory.release', look);
    ledger.on.set('orders.delete', look);
    const { id } = await sagas.start('order', ORDER);
    await sagas.waitFor(id);
    expect(seen).toEqual([
      ['compensating', [id]],
      ['compensating', [id]],
    ]);
    const states = (await sagas.history(id)).map((entry) => entry.state);
    expect(states.indexOf('compensating')).toBeLessThan(states.lastIndexOf('compensating'));
    expect(states).not.toContain('failed');
  });

  it('does not erase the output of a step when it is compensated', async () => {
    const { sagas, ledger } = await shop();
    const outputs: unknown[] = [];
    ledger.on.set('orders.create', () => ({ orderId: 'o-1' }));
    ledger.on.set('payment.charge', declined);
    let tries = 0;
    ledger.on.set('orders.delete', (output) => {
      outputs.push(output);
      if (++tries === 1) throw new StepError({ message: 'again', retryable: true, retryAfterMs: 1 });
    });
    const { id } = await sagas.start('order', ORDER);
    const saga = await sagas.waitFor(id);
    expect(outputs).toEqual([{ orderId: 'o-1' }, { orderId: 'o-1' }]);
    expect(saga.steps[0]).toMatchObject({ status: 'compensated', output: { orderId: 'o-1' } });
  });

  it('does not run compensations at once or out of order, however many workers there are', async () => {
    const namespace = freshName();
    const first = await bootSagaApp({ providers: [Ledger, Shop], namespace });
    const second = await bootSagaApp({
      providers: [{ provide: Ledger, useFactory: (): Ledger => first.context.get(Ledger) }, Shop],
      namespace,
    });
    const ledger = first.context.get(Ledger);
    ledger.on.set('payment.charge', declined);
    const { id } = await second.sagas.start('order', ORDER);
    await first.sagas.waitFor(id);
    expect(ledger.calls.slice(3)).toEqual(['inventory.release', 'orders.delete']);
    expect(ledger.mostRunning).toBe(1);
  });

  it('does not run a step again because its message came twice', async () => {
    const exchange = inProcessTransport();
    const tripled: TransportDefinition = {
      ...exchange,
      create: (environment) => {
        const transport = exchange.create(environment);
        const publish = transport.publish.bind(transport);
        transport.publish = async (wakeUps) => publish(wakeUps.flatMap((wakeUp) => [wakeUp, wakeUp, wakeUp]));
        return transport;
      },
    };
    const { sagas, ledger, signals } = await shop({ transport: tripled, dispatch: 'broker' });
    const { id } = await sagas.start('order', ORDER);
    expect((await sagas.waitFor(id)).state).toBe('completed');
    expect(ledger.calls).toEqual(['orders.create', 'inventory.reserve', 'payment.charge']);
    expect(signals.some((signal) => signal.type === 'operation.refused')).toBe(true);
  });

  it('does not lose a saga whose process dies between saving and publishing', async () => {
    const namespace = freshName();
    const dying = await bootSagaApp({
      namespace,
      providers: [Ledger, Shop],
      options: {
        autoStart: false,
        transport: {
          kind: 'dead',
          problems: () => [],
          create: () => ({
            description: 'a transport that dies before it publishes',
            open: async () => undefined,
            publish: () => new Promise(() => undefined),
            consume: () => undefined,
            stop: async () => undefined,
            close: async () => undefined,
            status: () => ({ connected: false, blocked: false, consuming: [] }),
            publishEvents: async (events) => events.map(() => 'unavailable' as const),
          }),
        },
      },
    });
    const { id } = await dying.sagas.start('order', ORDER);
    await dying.close();
    const other = await bootSagaApp({ namespace, providers: [Ledger, Shop] });
    expect((await other.sagas.waitFor(id)).state).toBe('completed');
  });

  it.each([
    ['a string', 'boom'],
    ['null', null],
    ['undefined', undefined],
    ['a symbol', Symbol('boom')],
    [
      'an object with a getter that throws',
      {
        get message() {
          throw new Error('from the getter');
        },
        get code() {
          throw new Error('from the getter');
        },
      },
    ],
  ])('does not swallow a handler that throws %s: it is a failed step', async (_what, thrown) => {
    const { sagas, ledger } = await shop();
    ledger.on.set('inventory.reserve', () => {
      throw thrown;
    });
    const { id } = await sagas.start('order', ORDER);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('compensated');
    expect(saga.steps.map((step) => step.status)).toEqual(['compensated', 'failed', 'skipped']);
    expect(saga.steps[1]?.error?.message).not.toBe('');
  });

  it('does not show handlers a stale copy of the saga: outputs come from the database at each claim', async () => {
    const { sagas, ledger } = await shop();
    const given: unknown[] = [];
    ledger.on.set('orders.create', () => ({ orderId: 'o-7' }));
    ledger.on.set('payment.charge', (input) => given.push(input));
    const { id } = await sagas.start('order', [ORDER[0]!, { ...ORDER[2]!, input: { orderId: ref('create', 'orderId') } }]);
    await sagas.waitFor(id);
    expect(given).toEqual([{ orderId: 'o-7' }]);
  });

  it('does not leave a saga without steps started for ever', async () => {
    const { sagas } = await shop();
    await expect(sagas.start('order', [])).rejects.toThrow('it has no steps');
    expect(await sagas.list()).toEqual([]);
  });

  it('does not compensate twice, nor a saga that has completed', async () => {
    const { sagas, ledger, signal } = await shop();
    const { id } = await sagas.start('order', ORDER);
    await sagas.waitFor(id);
    await expect(sagas.compensate(id)).rejects.toThrow(SagaTerminalError);

    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    ledger.on.set('payment.charge', () => held);
    const second = await sagas.start('order', ORDER);
    await signal('operation.claimed', (claimed) => claimed.sagaId === second.id && claimed.key === 'payment.charge');
    ledger.calls.length = 0;
    await Promise.all([sagas.compensate(second.id), sagas.compensate(second.id), sagas.compensate(second.id)]);
    release();
    expect((await sagas.waitFor(second.id)).state).toBe('compensated');
    expect(new Set(ledger.calls).size).toBe(ledger.calls.length);
  });

  it('does not run one step at a time: a nested array is a parallel group', async () => {
    const { sagas, ledger } = await shop();
    const arrived: string[] = [];
    let both: () => void = () => undefined;
    const together = new Promise<void>((resolve) => (both = resolve));
    const meet = async (_input: unknown, ctx: StepContext | CompensationContext) => {
      arrived.push(ctx.step.name);
      if (arrived.length === 2) both();
      await together;
    };
    ledger.on.set('inventory.reserve', meet);
    ledger.on.set('payment.charge', meet);
    const { id } = await sagas.start('order', [ORDER[0]!, [ORDER[1]!, ORDER[2]!]]);
    expect((await sagas.waitFor(id)).state).toBe('completed');
    expect(arrived.sort()).toEqual(['charge', 'reserve']);
  });

  it('does not hand out live references to what it stores', async () => {
    const { sagas } = await shop();
    const context = { customer: 'c-1' };
    const { id } = await sagas.start('order', ORDER, context);
    context.customer = 'somebody else';
    const saga = await sagas.waitFor(id);
    (saga.steps as unknown[]).length = 0;
    const again = await sagas.get(id);
    expect(again.context).toEqual({ customer: 'c-1' });
    expect(again.steps).toHaveLength(3);
  });
});
