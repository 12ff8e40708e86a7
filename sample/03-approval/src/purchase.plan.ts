import { ref, type StepList } from 'nest-saga';

export interface Purchase {
  readonly what: string;
  readonly amount: number;
}

/** The money is set aside, somebody approves, and when the goods have come the invoice is paid. */
export const purchaseSteps = (purchase: Purchase): StepList => [
  { name: 'reserve', action: 'budget.reserve', input: purchase },
  { name: 'approve', action: 'approval.ask', input: purchase },
  { name: 'delivery', signal: 'delivered' },
  { name: 'pay', action: 'budget.pay', compensation: null, input: { amount: purchase.amount, approvedBy: ref('approve', 'by') } },
];
