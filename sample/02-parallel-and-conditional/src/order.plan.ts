import { contextRef, ref, type StepList } from 'nest-saga';

/** What `start()` is given: the context of the saga. */
export interface Order {
  readonly customer: string;
  readonly amount: number;
  readonly gift: boolean;
}

/**
 * The same plan for every order; which of its steps run depends on the order.
 *
 * ```
 * ┌─ score ────┐   ┌─ approve (risk of 50 or more) ─┐
 * │            ├───┤                                ├─── charge
 * └─ reserve ──┘   └─ wrap (a gift, and ribbon) ────┘
 * ```
 */
export const orderSteps: StepList = [
  [
    { name: 'score', action: 'risk.score', compensation: null, input: contextRef() },
    { name: 'reserve', action: 'stock.reserve', input: { amount: contextRef('amount') } },
  ],
  [
    { name: 'approve', action: 'orders.approve', when: { path: 'outputs.score.risk', atLeast: 50 } },
    { name: 'wrap', action: 'gifts.wrap', when: 'gifts.possible', input: { gift: contextRef('gift') } },
  ],
  {
    name: 'charge',
    action: 'payments.charge',
    compensation: null,
    // Nothing is added for a gift that was not wrapped.
    input: { amount: contextRef('amount'), wrapping: ref('wrap', 'price').or(0), approvedBy: ref('approve', 'by').or(null) },
  },
];
