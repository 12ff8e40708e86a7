import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, SagaDefinition, SagaStep, type CompensationContext, type StepContext } from '../index';
import { SagaTestKit, type SagaTestKitOptions } from './index';

/** What the outside world has of the sagas under test. */
class Shop {
  readonly orders = new Map<string, string>();
  readonly charges = new Map<string, number>();
}

@SagaDefinition({ name: 'order' })
@Injectable()
class OrderSaga {
  declare readonly $input: { readonly amount: number };
  constructor(private readonly shop: Shop) {}

  @SagaStep('create_order')
  async create(_input: unknown, ctx: StepContext) {
    this.shop.orders.set(ctx.idempotencyKey, 'open');
    return { orderId: ctx.idempotencyKey };
  }

  @Compensate('create_order')
  async undoCreate(_output: unknown, ctx: CompensationContext) {
    this.shop.orders.set(ctx.actionIdempotencyKey, 'cancelled');
  }

  @SagaStep('charge', { retry: { attempts: 3, backoff: 'fixed', baseMs: 900_000, maxMs: 900_000 } })
  async charge(input: { readonly amount: number }, ctx: StepContext) {
    this.shop.charges.set(ctx.idempotencyKey, input.amount);
    return { transaction: ctx.idempotencyKey };
  }

  @Compensate('charge')
  async refund(_output: unknown, ctx: CompensationContext) {
    this.shop.charges.set(ctx.actionIdempotencyKey, 0);
  }

  @SagaStep('ship')
  async ship() {
    return 'shipped';
  }
}

const kits: SagaTestKit[] = [];
afterEach(async () => {
  await Promise.all(kits.splice(0).map((kit) => kit.close()));
});

async function kitWith(options: SagaTestKitOptions = { providers: [OrderSaga, Shop] }): Promise<SagaTestKit> {
  const kit = await SagaTestKit.create(options);
  kits.push(kit);
  return kit;
}

describe('the test kit', () => {
  it('runs a saga to its end', async () => {
    const kit = await kitWith();
    const saga = await kit.run(OrderSaga, { amount: 7 });
    expect(saga.state).toBe('completed');
    console.log(await kit.timeline(saga.id));
  });
  it('fails', async () => {
    const kit = await kitWith();
    kit.step('ship').fails();
    const saga = await kit.run(OrderSaga, { amount: 7 });
    expect(saga.state).toBe('compensated');
    console.log(await kit.timeline(saga.id));
  });
  it('retries', async () => {
    const kit = await kitWith();
    kit.step('charge').fails(new Error('no')).times(2);
    const saga = await kit.run(OrderSaga, { amount: 7 });
    expect(saga.state).toBe('completed');
    console.log(await kit.timeline(saga.id));
  });
  it('times out', async () => {
    const kit = await kitWith();
    kit.step('charge').timesOut();
    const saga = await kit.run(OrderSaga, { amount: 7 });
    console.log(await kit.timeline(saga.id), kit.effects);
    expect(saga.state).toBe('compensated');
  });
  it('crashes', async () => {
    const kit = await kitWith();
    kit.step('charge').crashes();
    const saga = await kit.run(OrderSaga, { amount: 7 });
    console.log(await kit.timeline(saga.id));
    expect(saga.state).toBe('completed');
  });
  it('late', async () => {
    const kit = await kitWith();
    kit.step('ship').comesLate();
    kit.step('charge').runsTwice();
    const saga = await kit.run(OrderSaga, { amount: 7 });
    console.log(await kit.timeline(saga.id));
    expect(saga.state).toBe('compensated');
  });
});
