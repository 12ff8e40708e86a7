import { StepError } from 'nest-saga';
import type { EntityManager } from 'typeorm';
import type { OrderItem } from '../orders/order';

/** Takes every item off the shelves. When one is short it throws, and the caller's transaction takes none. */
export async function takeFromStock(tx: EntityManager, items: readonly OrderItem[]): Promise<void> {
  for (const [productId, units] of unitsByProduct(items)) {
    const [, taken] = await tx.query<[unknown, number]>(
      'UPDATE shop.stock SET quantity = quantity - $2 WHERE product_id = $1 AND quantity >= $2',
      [productId, units],
    );
    if (taken === 0)
      throw new StepError({ code: 'OUT_OF_STOCK', message: `fewer than ${units} of ${productId} in stock`, retryable: false });
  }
}

export async function putBackIntoStock(tx: EntityManager, items: readonly OrderItem[]): Promise<void> {
  for (const [productId, units] of unitsByProduct(items)) {
    await tx.query('UPDATE shop.stock SET quantity = quantity + $2 WHERE product_id = $1', [productId, units]);
  }
}

/** In one order for everybody: two transactions that lock the same products in different orders would deadlock. */
function unitsByProduct(items: readonly OrderItem[]): readonly (readonly [productId: string, units: number])[] {
  const units = new Map<string, number>();
  for (const { productId, quantity } of items) units.set(productId, (units.get(productId) ?? 0) + quantity);
  return [...units].sort(([one], [other]) => (one < other ? -1 : 1));
}
