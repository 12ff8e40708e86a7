import { Injectable } from '@nestjs/common';
import { Compensate, contextRef, SagaStep, StepError, type ChildSaga, type CompensationContext, type StepContext } from 'nest-saga';

/** Says what it did under which key, and can be told to hold on, to refuse, or not to undo. */
@Injectable()
export class Bank {
  readonly books: string[] = [];
  readonly seen: unknown[] = [];
  /** Accounts that refunds fail on. */
  readonly frozen = new Set<string>();
  private readonly held = new Map<string, { readonly reached: () => void; readonly released: Promise<void> }>();

  /** The next charge of an account waits until it is released. */
  hold(account: string): { readonly reached: Promise<void>; readonly release: () => void } {
    let release = (): void => undefined;
    let reached = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const isReached = new Promise<void>((resolve) => (reached = resolve));
    this.held.set(account, { reached, released });
    return { reached: isReached, release };
  }

  @SagaStep('bank.charge') async charge({ account, amount }: { account: string; amount: number }, ctx: StepContext) {
    const hold = this.held.get(account);
    this.held.delete(account);
    hold?.reached();
    await hold?.released;
    if (amount > 100) throw new StepError({ code: 'LIMIT', message: 'over the limit', retryable: false });
    this.books.push(`charge ${account} ${ctx.idempotencyKey}`);
    this.seen.push(ctx.saga.context, ctx.saga.metadata);
    return { account, amount };
  }

  @Compensate('bank.refund', { for: 'bank.charge', retry: { attempts: 1 } })
  refund(charged: { account: string } | undefined, ctx: CompensationContext<{ account: string }>) {
    const { account } = ctx.input;
    if (this.frozen.has(account)) throw new StepError({ code: 'FROZEN', message: `${account} is frozen`, retryable: false });
    this.books.push(`refund ${charged?.account ?? '?'} ${ctx.actionIdempotencyKey} under ${ctx.idempotencyKey}`);
  }

  @SagaStep('bank.refuse') refuse() {
    throw new StepError({ code: 'REFUSED', message: 'as asked', retryable: false });
  }
}

/** Two charges, of accounts that its context names. */
export const payment: ChildSaga = {
  name: 'payment',
  steps: [
    { name: 'deposit', action: 'bank.charge', input: { account: contextRef('from'), amount: 1 } },
    { name: 'balance', action: 'bank.charge', input: { account: contextRef('to'), amount: contextRef('amount') } },
  ],
};

export const before = { name: 'before', action: 'bank.charge', input: { account: 'before', amount: 1 } };
export const pay = { name: 'pay', saga: payment, context: { from: 'from', to: 'to', amount: 2 } };
export const refuse = { name: 'refuse', action: 'bank.refuse', compensation: null };
