import { afterEach, expect, test } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, SagaStep, StepError, contextRef, ref, type CompensationContext, type StepContext } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Bank {
  readonly keys: string[] = [];
  @SagaStep('bank.charge') charge(input: { amount: number }, ctx: StepContext) {
    if (input.amount > 100) throw new StepError({ code: 'LIMIT', message: 'too much', retryable: false });
    this.keys.push(`charge ${ctx.idempotencyKey}`);
    return { charged: input.amount, of: ctx.saga.context };
  }
  @Compensate('bank.refund', { for: 'bank.charge' }) refund(_output: unknown, ctx: CompensationContext) {
    this.keys.push(`refund ${ctx.actionIdempotencyKey}`);
  }
}

const payment = {
  name: 'payment',
  steps: [
    { name: 'deposit', action: 'bank.charge', input: { amount: contextRef('first') } },
    { name: 'balance', action: 'bank.charge', input: { amount: contextRef('second') } },
  ],
} as const;

test('a step runs another saga and completes with the output of its last step', async () => {
  const app = await bootSagaApp({ providers: [Bank] });
  const { id } = await app.sagas.start(
    'order',
    [
      { name: 'pay', saga: payment, context: { first: contextRef('amount'), second: 7 } },
      { name: 'more', action: 'bank.charge', input: { amount: ref('pay', 'charged') } },
    ],
    { amount: 5 },
  );
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  console.log(JSON.stringify(saga, null, 1), app.signals.map((s) => s.type + ' ' + ('key' in s ? s.key : '')));
  console.log(await app.sagas.history(id));
});
