import { Injectable, Logger } from '@nestjs/common';
import { Compensate, SagaStep, StepError, type CompensationContext, type HandlerContext, type StepContext } from 'nest-saga';
import { DataSource, type EntityManager } from 'typeorm';
import { AlreadyUndoneError } from '../already-undone.error';
import { ACTION_POLICY } from '../action-policy';
import type { OrderContext } from '../orders/order';
import { requestIdOf, traceOf } from '../trace';

export interface ChargePayment {
  readonly orderId: string;
  readonly amountCents: number;
  readonly paymentMethod: string;
}

export interface PaymentCharged {
  readonly paymentId: string;
}

export interface Payment {
  readonly id: string;
  readonly sagaId: string;
  readonly orderId: string;
  readonly amountCents: number;
  readonly paymentMethod: string;
  /** `cancelled`: its undo came first, and nothing was ever charged. */
  readonly status: 'charged' | 'refunded' | 'cancelled';
  readonly requestId: string | null;
}

const DECLINED_CARD = 'card-declined';

@Injectable()
export class PaymentsService {
  private readonly logger = new Logger(PaymentsService.name);

  constructor(private readonly db: DataSource) {}

  @SagaStep('payment.charge', ACTION_POLICY)
  async charge(input: ChargePayment, ctx: StepContext<OrderContext>): Promise<PaymentCharged> {
    if (input.paymentMethod === DECLINED_CARD) {
      this.logger.log(`payment.charge: declined ${traceOf(ctx)}`);
      throw new StepError({ code: 'CARD_DECLINED', message: 'the card was declined', retryable: false });
    }
    const paymentId = await this.db.transaction(async (tx) => {
      const added = await addPayment(tx, ctx.idempotencyKey, 'charged', input, ctx);
      if (added !== undefined) return added;
      const [known] = await tx.query<Pick<Payment, 'id' | 'status'>[]>('SELECT id, status FROM shop.payments WHERE action_key = $1', [
        ctx.idempotencyKey,
      ]);
      if (known?.status !== 'charged') throw new AlreadyUndoneError('payment.charge');
      return known.id;
    });
    this.logger.log(`payment.charge: payment ${paymentId} ${traceOf(ctx)}`);
    return { paymentId };
  }

  @Compensate('payment.refund', { for: 'payment.charge' })
  async refund(_charged: PaymentCharged | undefined, ctx: CompensationContext<ChargePayment, OrderContext>): Promise<void> {
    const refunded = await this.db.transaction(async (tx) => {
      const tombstone = await addPayment(tx, ctx.actionIdempotencyKey, 'cancelled', ctx.input, ctx);
      if (tombstone !== undefined) return 0;
      const [, changed] = await tx.query<[unknown, number]>(
        `UPDATE shop.payments SET status = 'refunded', refunded_at = now() WHERE action_key = $1 AND status = 'charged'`,
        [ctx.actionIdempotencyKey],
      );
      return changed;
    });
    this.logger.log(`payment.refund: ${refunded} refunded ${traceOf(ctx)}`);
  }

  async ofSaga(sagaId: string): Promise<Payment | undefined> {
    const [payment] = await this.db.query<Payment[]>(
      `SELECT id, saga_id AS "sagaId", order_id AS "orderId", amount_cents AS "amountCents", payment_method AS "paymentMethod", status,
              request_id AS "requestId"
       FROM shop.payments WHERE saga_id = $1`,
      [sagaId],
    );
    return payment;
  }
}

/** The id of the new row; undefined when this action, or its undo, has left one already. */
async function addPayment(
  tx: EntityManager,
  actionKey: string,
  status: 'charged' | 'cancelled',
  { orderId, amountCents, paymentMethod }: ChargePayment,
  ctx: HandlerContext<OrderContext>,
): Promise<string | undefined> {
  const [added] = await tx.query<{ readonly id: string }[]>(
    `INSERT INTO shop.payments (action_key, saga_id, order_id, customer_id, amount_cents, payment_method, status, request_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT DO NOTHING RETURNING id`,
    [actionKey, ctx.saga.id, orderId, ctx.saga.context.customerId, amountCents, paymentMethod, status, requestIdOf(ctx)],
  );
  return added?.id;
}
