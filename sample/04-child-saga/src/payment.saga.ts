import { Injectable } from '@nestjs/common';
import { Compensate, SagaDefinition, SagaStep, type CompensationContext, type StepContext } from 'nest-saga';

interface Payment {
  readonly customer: string;
  readonly amount: number;
}

/** A saga of its own: it is started alone, or by a step of another one. It knows nothing of trips. */
@SagaDefinition({ name: 'payment' })
@Injectable()
export class PaymentSaga {
  declare readonly $input: Payment;

  @SagaStep('authorize') authorize({ customer, amount }: Payment, ctx: StepContext) {
    console.log(`    payment: ${amount} of ${customer} authorized under ${ctx.idempotencyKey}`);
    return { authorization: ctx.idempotencyKey };
  }
  @Compensate('authorize') release(_output: unknown, ctx: CompensationContext) {
    console.log(`    payment: released what was done under ${ctx.actionIdempotencyKey}`);
  }

  @SagaStep('capture') capture({ amount }: Payment, ctx: StepContext) {
    console.log(`    payment: ${amount} captured under ${ctx.idempotencyKey}`);
    return { receipt: `${amount} paid` };
  }
  @Compensate('capture') refund(_output: unknown, ctx: CompensationContext) {
    console.log(`    payment: paid back what was done under ${ctx.actionIdempotencyKey}`);
  }
}
