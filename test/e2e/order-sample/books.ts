import type { OwnDatabase } from './own-database';

/** What the shop's tables say, summed up. */
export interface Books {
  readonly stock: Readonly<Record<string, number>>;
  /** Units in reservations that hold. */
  readonly reserved: Readonly<Record<string, number>>;
  readonly chargedCents: number;
  /** Ids of the sagas with an order, a reservation and a payment that hold. Sorted. */
  readonly ordered: readonly string[];
  readonly reserving: readonly string[];
  readonly charged: readonly string[];
}

export async function readBooks({ query }: OwnDatabase): Promise<Books> {
  const sagasWith = async (table: string, status: string): Promise<readonly string[]> =>
    (await query<{ saga_id: string }>(`SELECT saga_id FROM shop.${table} WHERE status = $1`, [status])).map((row) => row.saga_id).sort();
  const units = (rows: readonly { product_id: string; quantity: number }[]): Record<string, number> =>
    Object.fromEntries(rows.map(({ product_id, quantity }) => [product_id, quantity]));
  const [money] = await query<{ cents: number }>(
    `SELECT coalesce(sum(amount_cents), 0)::int AS cents FROM shop.payments WHERE status = 'charged'`,
  );
  return {
    stock: units(await query('SELECT product_id, quantity FROM shop.stock')),
    reserved: units(
      await query(`SELECT item->>'productId' AS product_id, sum((item->>'quantity')::int)::int AS quantity
                   FROM shop.reservations, jsonb_array_elements(items) item WHERE status = 'reserved' GROUP BY 1`),
    ),
    chargedCents: money?.cents ?? 0,
    ordered: await sagasWith('orders', 'created'),
    reserving: await sagasWith('reservations', 'reserved'),
    charged: await sagasWith('payments', 'charged'),
  };
}
