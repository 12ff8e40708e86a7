import { ref, type StepList } from 'nest-saga';
import type { NewOrder } from './order';

export const ORDER_SAGA = 'order_processing';

/** Create, reserve, charge. When one of them fails, what was done before it is undone in reverse. */
export function orderPlan({ items, amountCents, paymentMethod }: NewOrder): StepList {
  const orderId = ref('create_order', 'orderId');
  return [
    { name: 'create_order', action: 'orders.create', compensation: 'orders.delete', input: { items, amountCents } },
    { name: 'reserve_inventory', action: 'inventory.reserve', compensation: 'inventory.release', input: { orderId, items } },
    { name: 'charge_payment', action: 'payment.charge', compensation: 'payment.refund', input: { orderId, amountCents, paymentMethod } },
  ];
}
