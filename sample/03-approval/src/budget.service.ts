import { Injectable } from '@nestjs/common';
import { Compensate, SagaStep, type CompensationContext, type StepContext } from 'nest-saga';
import type { Purchase } from './purchase.plan';

/** What is left to spend. In memory, as this program ends by itself; sample 01 shows the same with tables. */
@Injectable()
export class Budget {
  private readonly reserved = new Map<string, number>();
  private readonly paid = new Map<string, number>();

  get left(): number {
    return 1_000 - sum(this.reserved) - sum(this.paid);
  }

  /** A map takes a key once, however often the handler runs. */
  @SagaStep('budget.reserve') reserve({ amount }: Purchase, { saga }: StepContext): void {
    this.reserved.set(saga.id, amount);
  }

  @Compensate('budget.release', { for: 'budget.reserve' }) release(_reserved: unknown, { saga }: CompensationContext): void {
    this.reserved.delete(saga.id);
  }

  @SagaStep('budget.pay') pay({ amount, approvedBy }: { readonly amount: number; readonly approvedBy: string }, { saga }: StepContext) {
    this.reserved.delete(saga.id);
    this.paid.set(saga.id, amount);
    return { paid: amount, approvedBy };
  }
}

function sum(amounts: ReadonlyMap<string, number>): number {
  return [...amounts.values()].reduce((total, amount) => total + amount, 0);
}
