import { Injectable, Logger } from '@nestjs/common';
import { Compensate, SagaStep, type CompensationContext, type HandlerContext, type StepContext } from 'nest-saga';
import { DataSource, type EntityManager } from 'typeorm';
import { AlreadyUndoneError } from '../already-undone.error';
import { ACTION_POLICY } from '../action-policy';
import type { OrderItem } from '../orders/order';
import { requestIdOf, traceOf } from '../trace';
import { putBackIntoStock, takeFromStock } from './stock';

export interface ReserveInventory {
  readonly orderId: string;
  readonly items: readonly OrderItem[];
}

export interface InventoryReserved {
  readonly reservationId: string;
}

interface ReservationRow {
  readonly id: string;
  readonly status: 'reserved' | 'released' | 'cancelled';
}

@Injectable()
export class InventoryService {
  private readonly logger = new Logger(InventoryService.name);

  constructor(private readonly db: DataSource) {}

  @SagaStep('inventory.reserve', ACTION_POLICY)
  async reserve(input: ReserveInventory, ctx: StepContext): Promise<InventoryReserved> {
    const reservationId = await this.db.transaction(async (tx) => {
      const added = await addReservation(tx, ctx.idempotencyKey, 'reserved', input, ctx);
      if (added !== undefined) {
        await takeFromStock(tx, input.items);
        return added;
      }
      const [known] = await tx.query<ReservationRow[]>('SELECT id, status FROM shop.reservations WHERE action_key = $1', [
        ctx.idempotencyKey,
      ]);
      if (known?.status !== 'reserved') throw new AlreadyUndoneError('inventory.reserve');
      return known.id;
    });
    this.logger.log(`inventory.reserve: reservation ${reservationId} ${traceOf(ctx)}`);
    return { reservationId };
  }

  @Compensate('inventory.release', { for: 'inventory.reserve' })
  async release(_reserved: InventoryReserved | undefined, ctx: CompensationContext<ReserveInventory>): Promise<void> {
    const released = await this.db.transaction(async (tx) => {
      const tombstone = await addReservation(tx, ctx.actionIdempotencyKey, 'cancelled', ctx.input, ctx);
      if (tombstone !== undefined) return 0;
      const [reservations] = await tx.query<[{ readonly items: readonly OrderItem[] }[], number]>(
        `UPDATE shop.reservations SET status = 'released', released_at = now()
         WHERE action_key = $1 AND status = 'reserved' RETURNING items`,
        [ctx.actionIdempotencyKey],
      );
      for (const { items } of reservations) await putBackIntoStock(tx, items);
      return reservations.length;
    });
    this.logger.log(`inventory.release: ${released} released ${traceOf(ctx)}`);
  }

  /** Units on the shelves; undefined when the product is unknown. */
  async quantityOf(productId: string): Promise<number | undefined> {
    const [row] = await this.db.query<{ readonly quantity: number }[]>('SELECT quantity FROM shop.stock WHERE product_id = $1', [
      productId,
    ]);
    return row?.quantity;
  }
}

/** The id of the new row; undefined when this action, or its undo, has left one already. */
async function addReservation(
  tx: EntityManager,
  actionKey: string,
  status: 'reserved' | 'cancelled',
  { orderId, items }: ReserveInventory,
  ctx: HandlerContext,
): Promise<string | undefined> {
  const [added] = await tx.query<{ readonly id: string }[]>(
    `INSERT INTO shop.reservations (action_key, saga_id, order_id, items, status, request_id)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (action_key) DO NOTHING RETURNING id`,
    [actionKey, ctx.saga.id, orderId, JSON.stringify(items), status, requestIdOf(ctx)],
  );
  return added?.id;
}
