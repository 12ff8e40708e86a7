// The examples of a saga package's documentation, transcribed one by one: what people who know it will write first.
import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, type CompensationContext, SagaStep, StepError, type StepContext, type StepList } from 'nest-saga';
import { freshName, bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

interface OrderContext {
  readonly customer_id: string;
  readonly order_total: number;
}

interface Stock {
  readonly product_id: string;
  readonly quantity: number;
}

/** Orders, inventory, payment, shipping and notifications, and what they were asked for. */
@Injectable()
class Services {
  readonly done: string[] = [];
  refuses = '';
  private attempts = 0;

  @SagaStep('orders.create') createOrder(input: Stock, ctx: StepContext<OrderContext>) {
    this.perform(`create ${input.quantity} x ${input.product_id} for ${ctx.saga.context.customer_id}`);
    return { order_id: ctx.idempotencyKey, status: 'created', created_at: new Date() };
  }
  @Compensate('orders.delete', { for: 'orders.create' }) deleteOrder(created: { order_id: string } | undefined) {
    if (created?.order_id === undefined) return; // no order was created, nothing to delete
    this.done.push('delete');
  }
  @SagaStep('inventory.reserve') reserve(input: Stock) {
    this.perform('reserve');
    return { reservation_id: 'r-1', reserved_qty: input.quantity };
  }
  @Compensate('inventory.release', { for: 'inventory.reserve' }) release() {
    this.done.push('release');
  }
  @SagaStep('shipping.validate') validate() {
    this.perform('validate');
  }
  @SagaStep('payment.charge', { timeoutMs: 30_000 }) charge(input: { amount: number; payment_method: string }) {
    this.perform('charge');
    return { transaction_id: 't-1', amount_charged: input.amount };
  }
  @Compensate('payment.refund', { for: 'payment.charge' }) refund() {
    this.done.push('refund');
  }
  @SagaStep('shipping.schedule') ship() {
    this.perform('ship');
  }
  @SagaStep('orders.validate') validateOrder() {
    this.perform('validate order');
  }
  @SagaStep('approval.request') approve(_input: unknown, ctx: StepContext<{ readonly requires_approval: boolean }>) {
    if (!ctx.saga.context.requires_approval) return ctx.skip('this order needs no approval');
    this.perform('approve');
    return { approved: true };
  }
  @SagaStep('flaky.operation', { retry: { attempts: 3, backoff: 'exponential', baseMs: 5 } }) flaky() {
    if (++this.attempts < 3) throw new StepError({ code: 'TEMPORARY_ERROR', message: 'try again', retryable: true });
    return { attempts: this.attempts };
  }
  @SagaStep('strict.operation', { retry: { attempts: 3, baseMs: 5 } }) strict() {
    this.attempts++;
    throw new StepError({ code: 'BUSINESS_RULE_VIOLATION', message: 'never', retryable: false });
  }
  @SagaStep('slow.operation', { timeoutMs: 50 }) async slow(_input: unknown, ctx: StepContext) {
    return new Promise((_, reject) => {
      ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
    });
  }
  @Compensate('slow.undo', { for: 'slow.operation' }) undoSlow(_output: unknown, ctx: CompensationContext) {
    this.done.push(`undo of ${ctx.outcome}`);
  }

  get operations(): number {
    return this.attempts;
  }

  private perform(what: string): void {
    if (what === this.refuses) throw new Error(`${what} failed`);
    this.done.push(what);
  }
}

const ORDER: StepList = [
  { name: 'create_order', action: 'orders.create', compensation: 'orders.delete', input: { product_id: 'prod-123', quantity: 2 } },
  {
    name: 'reserve_inventory',
    action: 'inventory.reserve',
    compensation: 'inventory.release',
    input: { product_id: 'prod-123', quantity: 2 },
  },
  {
    name: 'charge_payment',
    action: 'payment.charge',
    compensation: 'payment.refund',
    input: { amount: 99.99, payment_method: 'card-456' },
  },
];
const CONTEXT: OrderContext = { customer_id: 'cust-789', order_total: 99.99 };

describe('the examples of the saga package', () => {
  it('quick start: an order is created, its stock reserved and its payment charged', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const started = await app.sagas.start('order_processing', ORDER, CONTEXT);
    expect(started.id).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
    const saga = await app.sagas.waitFor(started.id);
    expect(saga.isCompleted).toBe(true);
    expect(app.context.get(Services).done).toEqual(['create 2 x prod-123 for cust-789', 'reserve', 'charge']);
  });

  it('automatic compensation: what a failing step leaves behind is undone in reverse order', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const services = app.context.get(Services);
    services.refuses = 'charge';
    const saga = await app.sagas.waitFor((await app.sagas.start('order_processing', ORDER, CONTEXT)).id);
    expect([saga.isCompensated, saga.isFailed, saga.isCompleted]).toEqual([true, false, false]);
    expect(services.done.slice(2)).toEqual(['release', 'delete']);
    expect(saga.steps.map(({ name, status, error }) => [name, status, error?.message ?? ''])).toEqual([
      ['create_order', 'compensated', ''],
      ['reserve_inventory', 'compensated', ''],
      ['charge_payment', 'failed', 'charge failed'],
    ]);
  });

  it('monitoring: a saga shows its state and its steps, and the active ones can be listed', async () => {
    const app = await bootSagaApp({ providers: [Services], options: { workers: { steps: 0, compensations: 0 }, unknownActions: 'warn' } });
    const { id } = await app.sagas.start('order_processing', ORDER, CONTEXT);
    const saga = await app.sagas.get(id);
    expect(saga).toMatchObject({ id, name: 'order_processing', state: 'started', context: CONTEXT, completedAt: null });
    expect(saga.steps[0]).toMatchObject({
      name: 'create_order',
      action: 'orders.create',
      status: 'started',
      executedAt: null,
      error: null,
    });
    const stale = (await app.sagas.listActive()).filter(({ updatedAt }) => Date.now() - updatedAt.getTime() > 3_600_000);
    expect([(await app.sagas.listActive()).map((active) => active.id), stale]).toEqual([[id], []]);
  });

  it('manual compensation: a running saga can be told to turn back', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const { id } = await app.sagas.start('order_processing', [ORDER[0] as never, { name: 'pause', sleepMs: 60_000 }], CONTEXT);
    await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
    await app.sagas.compensate(id);
    expect((await app.sagas.waitFor(id)).state).toBe('compensated');
  });

  it('parallel steps: two run beside each other, and the next waits for both', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const { id } = await app.sagas.start(
      'order_processing',
      [
        { name: 'create_order', action: 'orders.create', input: { product_id: 'p', quantity: 1 } },
        [
          { name: 'reserve_inventory', action: 'inventory.reserve', input: { product_id: 'p', quantity: 1 } },
          { name: 'validate_address', action: 'shipping.validate' },
        ],
        { name: 'charge_payment', action: 'payment.charge', input: { amount: 1, payment_method: 'card' } },
      ],
      CONTEXT,
    );
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
    const { done } = app.context.get(Services);
    expect([done[0], new Set(done.slice(1, 3)), done[3]]).toEqual([
      'create 1 x p for cust-789',
      new Set(['reserve', 'validate']),
      'charge',
    ]);
  });

  it.each([
    [true, 'completed', ['approve']],
    [false, 'skipped', []],
  ])('conditional steps: with requires_approval %s the approval is %s', async (required, status, done) => {
    const app = await bootSagaApp({ providers: [Services] });
    const { id } = await app.sagas.start('approval', [{ name: 'approve', action: 'approval.request' }], { requires_approval: required });
    expect((await app.sagas.waitFor(id)).steps[0]?.status).toBe(status);
    expect(app.context.get(Services).done).toEqual(done);
  });

  it('saga composition: functions that return steps make larger sagas from smaller ones', async () => {
    const createPaymentSteps = (): StepList => [{ name: 'charge', action: 'payment.charge', input: { amount: 5, payment_method: 'card' } }];
    const createShippingSteps = (): StepList => [{ name: 'ship', action: 'shipping.schedule', compensation: null }];
    const createOrderSaga = (order: { readonly payment_required: boolean; readonly requires_shipping: boolean }): StepList => [
      { name: 'validate_order', action: 'orders.validate', compensation: null },
      ...(order.payment_required ? createPaymentSteps() : []),
      ...(order.requires_shipping ? createShippingSteps() : []),
    ];
    const app = await bootSagaApp({ providers: [Services] });
    const goods = await app.sagas.start('order', createOrderSaga({ payment_required: true, requires_shipping: true }));
    expect((await app.sagas.waitFor(goods.id)).steps.map(({ name }) => name)).toEqual(['validate_order', 'charge', 'ship']);
    const gift = await app.sagas.start('order', createOrderSaga({ payment_required: false, requires_shipping: false }));
    expect((await app.sagas.waitFor(gift.id)).steps.map(({ name }) => name)).toEqual(['validate_order']);
  });

  it('worker pattern: steps and compensations are run by workers of their own', async () => {
    const namespace = freshName();
    const [steps, compensations, client] = [
      await bootSagaApp({ namespace, providers: [Services], options: { workers: { steps: 3, compensations: 0 } } }),
      await bootSagaApp({ namespace, providers: [Services], options: { workers: { steps: 0, compensations: 3 } } }),
      await bootSagaApp({ namespace, options: { workers: { steps: 0, compensations: 0 } } }),
    ];
    steps.context.get(Services).refuses = 'charge';
    const saga = await client.sagas.waitFor((await client.sagas.start('order_processing', ORDER, CONTEXT)).id);
    expect(saga.state).toBe('compensated');
    expect(steps.context.get(Services).done).toEqual(['create 2 x prod-123 for cust-789', 'reserve']);
    expect(compensations.context.get(Services).done).toEqual(['release', 'delete']);
  });

  it('timeout handling: a step that takes too long is told, and its outcome is unknown', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const saga = await app.sagas.waitFor((await app.sagas.start('slow', [{ name: 'slow', action: 'slow.operation' }])).id);
    expect(saga.state).toBe('compensated');
    expect(app.context.get(Services).done).toEqual(['undo of unknown']);
  });

  it('retry logic with exponential backoff: two failures, then it works', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const { id } = await app.sagas.start('flaky', [{ name: 'flaky', action: 'flaky.operation', compensation: null }]);
    expect((await app.sagas.waitFor(id)).steps[0]?.output).toEqual({ attempts: 3 });
  });

  it('error classification: a business rule is not tried again', async () => {
    const app = await bootSagaApp({ providers: [Services] });
    const { id } = await app.sagas.start('strict', [{ name: 'strict', action: 'strict.operation', compensation: null }]);
    expect((await app.sagas.waitFor(id)).cause).toMatchObject({ error: { code: 'BUSINESS_RULE_VIOLATION' } });
    expect(app.context.get(Services).operations).toBe(1);
  });
});
