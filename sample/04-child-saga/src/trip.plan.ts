import { contextRef, ref, type StepList } from 'nest-saga';
import { PaymentSaga } from './payment.saga';

/** What is known when a trip starts. How many legs it has is known only when `plan` has run. */
export interface Trip {
  readonly customer: string;
  readonly amount: number;
  readonly cities: readonly string[];
}

export const tripSteps: StepList = [
  { name: 'plan', action: 'trip.plan', compensation: null, input: { cities: contextRef('cities') } },
  { name: 'book', map: { over: ref('plan', 'legs'), action: 'trip.book', limit: 2 } },
  { name: 'pay', saga: PaymentSaga, context: { customer: contextRef('customer'), amount: contextRef('amount') } },
  {
    name: 'confirm',
    action: 'trip.confirm',
    compensation: null,
    input: { tickets: ref('book'), receipt: ref('pay', 'receipt') },
  },
];
