import { Injectable } from '@nestjs/common';
import { Compensate, SagaCondition, SagaStep, StepError, type ConditionAnswer, type StepContext } from 'nest-saga';
import { z } from 'zod';
import type { Order } from './order.plan';

const KNOWN_CUSTOMERS = new Set(['ann']);
const IN_STOCK = 1_000;
const Charge = z.object({ amount: z.number().positive(), wrapping: z.number().min(0), approvedBy: z.string().nullable() });

/** Handlers without effects of their own, so that the plan can be seen; the first sample has real ones. */
@Injectable()
export class OrdersService {
  private ribbon = 1;

  @SagaStep('risk.score') score({ customer, amount }: Order) {
    return { risk: (KNOWN_CUSTOMERS.has(customer) ? 0 : 40) + Math.min(50, amount / 20) };
  }

  @SagaStep('stock.reserve') reserve({ amount }: { readonly amount: number }, ctx: StepContext) {
    if (amount > IN_STOCK) throw new StepError({ code: 'OUT_OF_STOCK', message: `only ${IN_STOCK} are left`, retryable: false });
    return { reservation: ctx.idempotencyKey };
  }

  @Compensate('stock.release', { for: 'stock.reserve' }) release(): void {}

  @SagaStep('orders.approve') async approve(_input: unknown, ctx: StepContext) {
    const { score } = await ctx.outputs<{ readonly score: { readonly risk: number } }>();
    ctx.setContext({ approvedAtRisk: score.risk });
    return { by: 'the fraud desk' };
  }

  /** Asked once, before the step: what it looks at is not part of the saga. */
  @SagaCondition('gifts.possible') isPossible({ gift }: { readonly gift: boolean }): ConditionAnswer {
    if (!gift) return { run: false, reason: 'it is no gift' };
    return { run: this.ribbon > 0, reason: 'there is no ribbon left' };
  }

  @SagaStep('gifts.wrap') wrap() {
    this.ribbon -= 1;
    return { price: 5 };
  }

  @SagaStep('payments.charge', { schema: { input: Charge } }) charge({ amount, wrapping, approvedBy }: z.infer<typeof Charge>) {
    return { charged: amount + wrapping, approvedBy };
  }
}
