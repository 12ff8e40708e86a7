import { describe, expect, it } from '@jest/globals';
import type { CompensationContext, StepContext } from '../index';
import { compensationContext, stepContext, verifyContext, wordIn } from './index';

class Payments {
  async charge(input: { readonly amount: number }, ctx: StepContext<{ readonly customerId: string }>) {
    if (input.amount === 0) return ctx.skip('nothing to charge');
    if (input.amount > 1_000) return ctx.suspend({ timeoutMs: 60_000 });
    if (input.amount < 0) return ctx.finish({ credit: -input.amount });
    ctx.setContext({ charged: true });
    ctx.setContext({ by: ctx.saga.context.customerId });
    return { transaction: ctx.idempotencyKey };
  }

  async refund(charged: { readonly transaction: string } | undefined, ctx: CompensationContext) {
    return charged?.transaction ?? ctx.actionIdempotencyKey;
  }
}

const payments = new Payments();

describe('the context that a test makes for one handler', () => {
  it('has everything that a handler may ask for', async () => {
    const ctx = stepContext({ saga: { context: { customerId: 'c-1' }, metadata: { requestId: 'r-1' } }, step: { name: 'charge' } });
    expect(await payments.charge({ amount: 5 }, ctx)).toEqual({ transaction: `${ctx.saga.id}:charge:action` });
    expect(ctx).toMatchObject({ attempt: 1, saga: { metadata: { requestId: 'r-1' } } });
    expect(ctx.signal.aborted).toBe(false);
    expect(ctx.saga.createdAt).toBeInstanceOf(Date);
  });

  it('hears what is said through it', async () => {
    const ctx = stepContext({ saga: { context: { customerId: 'c-1' } } });
    const charge = async (amount: number): Promise<unknown> => wordIn(await payments.charge({ amount }, ctx));
    expect(await charge(0)).toEqual({ word: 'skip', reason: 'nothing to charge' });
    expect(await charge(2_000)).toEqual({ word: 'suspend', timeoutMs: 60_000 });
    expect(await charge(-5)).toEqual({ word: 'finish', output: { credit: 5 } });
    expect(ctx.patch).toEqual({});
    expect(await charge(5)).toBe(null);
    expect(ctx.patch).toEqual({ charged: true, by: 'c-1' });
  });

  it('refuses, as the engine does, what cannot be stored', () => {
    expect(() => stepContext().setContext({ when: Number.NaN })).toThrow(/context patch/);
    expect(() => stepContext().skip('')).toThrow(/needs a reason/);
  });

  it('tells a compensation what became of its action', async () => {
    const action = stepContext();
    const ctx = compensationContext({ outcome: 'unknown', input: { amount: 5 }, actionIdempotencyKey: action.idempotencyKey });
    expect(await payments.refund(undefined, ctx)).toBe(action.idempotencyKey);
    expect(ctx).toMatchObject({ outcome: 'unknown', input: { amount: 5 }, round: 1 });
    expect(ctx.idempotencyKey).not.toBe(ctx.actionIdempotencyKey);
    expect(compensationContext().outcome).toBe('completed');
  });

  it('has the keys of one saga, as the engine makes them', () => {
    const of = { saga: { id: 's' }, step: { name: 'charge' } };
    expect(stepContext(of).idempotencyKey).toBe('s:charge:action');
    expect(compensationContext(of)).toMatchObject({ idempotencyKey: 's:charge:undo', actionIdempotencyKey: 's:charge:action' });
    expect(verifyContext(of)).toMatchObject({ idempotencyKey: 's:charge:verify', actionIdempotencyKey: 's:charge:action' });
  });

  it('is of a saga of its own unless the test says otherwise', () => {
    expect(stepContext().idempotencyKey).not.toBe(stepContext().idempotencyKey);
  });

  it('refuses a field that is misspelt', () => {
    expect(() => stepContext({ idempotencykey: 'k' } as object)).toThrow(
      'stepContext(): there is no option "idempotencykey" (did you mean "idempotencyKey"?)',
    );
    expect(() => stepContext({ outcome: 'unknown' } as object)).toThrow('there is no option "outcome"');
  });
});
