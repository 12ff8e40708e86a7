import { Injectable, Logger } from '@nestjs/common';
import { Compensate, SagaStep, StepError, type CompensationContext, type HandlerContext, type StepContext } from 'nest-saga';
import { DataSource, type EntityManager } from 'typeorm';
import { AlreadyUndoneError } from '../already-undone.error';
import { ACTION_POLICY } from '../action-policy';
import { requestIdOf, traceOf } from '../trace';
import type { OrderContext, OrderItem } from './order';

export interface CreateOrder {
  readonly items: readonly OrderItem[];
  readonly amountCents: number;
}

export interface OrderCreated {
  readonly orderId: string;
}

interface OrderRow {
  readonly id: string;
  readonly status: 'created' | 'deleted' | 'cancelled';
}

const BLOCKED_CUSTOMER = 'cust-blocked';

@Injectable()
export class OrdersService {
  private readonly logger = new Logger(OrdersService.name);

  constructor(private readonly db: DataSource) {}

  @SagaStep('orders.create', ACTION_POLICY)
  async create(input: CreateOrder, ctx: StepContext<OrderContext>): Promise<OrderCreated> {
    if (ctx.saga.context.customerId === BLOCKED_CUSTOMER)
      throw new StepError({ code: 'CUSTOMER_BLOCKED', message: 'this customer may not order', retryable: false });
    const orderId = await this.db.transaction(async (tx) => {
      const added = await addOrder(tx, ctx.idempotencyKey, 'created', input, ctx);
      if (added !== undefined) return added;
      const [known] = await tx.query<OrderRow[]>('SELECT id, status FROM shop.orders WHERE action_key = $1', [ctx.idempotencyKey]);
      if (known?.status !== 'created') throw new AlreadyUndoneError('orders.create');
      return known.id;
    });
    this.logger.log(`orders.create: order ${orderId} ${traceOf(ctx)}`);
    return { orderId };
  }

  @Compensate('orders.delete', { for: 'orders.create' })
  async delete(_created: OrderCreated | undefined, ctx: CompensationContext<CreateOrder, OrderContext>): Promise<void> {
    const deleted = await this.db.transaction(async (tx) => {
      const tombstone = await addOrder(tx, ctx.actionIdempotencyKey, 'cancelled', ctx.input, ctx);
      if (tombstone !== undefined) return 0;
      const [, changed] = await tx.query<[unknown, number]>(
        `UPDATE shop.orders SET status = 'deleted', deleted_at = now() WHERE action_key = $1 AND status = 'created'`,
        [ctx.actionIdempotencyKey],
      );
      return changed;
    });
    this.logger.log(`orders.delete: ${deleted} deleted ${traceOf(ctx)}`);
  }
}

/** The id of the new row; undefined when this action, or its undo, has left one already. */
async function addOrder(
  tx: EntityManager,
  actionKey: string,
  status: 'created' | 'cancelled',
  { items, amountCents }: CreateOrder,
  ctx: HandlerContext<OrderContext>,
): Promise<string | undefined> {
  const [added] = await tx.query<{ readonly id: string }[]>(
    `INSERT INTO shop.orders (action_key, saga_id, customer_id, items, amount_cents, status, request_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (action_key) DO NOTHING RETURNING id`,
    [actionKey, ctx.saga.id, ctx.saga.context.customerId, JSON.stringify(items), amountCents, status, requestIdOf(ctx)],
  );
  return added?.id;
}
