import { Injectable } from '@nestjs/common';
import { Compensate, SagaDefinition, SagaStep, type CompensationContext, type StepContext } from 'nest-saga';
import { Bank, Hotels } from './participants';

export interface Trip {
  readonly nights: number;
  readonly cents: number;
}

/** Book the room, take the money, send the papers. When one of them fails, the money and the room go back. */
@SagaDefinition({ name: 'trip', deadlineMs: 3 * 24 * 3_600_000 })
@Injectable()
export class TripSaga {
  declare readonly $input: Trip;

  constructor(
    private readonly hotels: Hotels,
    private readonly bank: Bank,
  ) {}

  @SagaStep('book_room')
  async bookRoom({ nights }: Trip, ctx: StepContext) {
    return this.hotels.book(ctx.idempotencyKey, nights);
  }

  /** By the key of the booking, not by its output: there is none when nobody knows whether it was made. */
  @Compensate('book_room')
  async cancelRoom(_booked: unknown, ctx: CompensationContext) {
    await this.hotels.cancel(ctx.actionIdempotencyKey);
  }

  @SagaStep('charge', { retry: { attempts: 4, backoff: 'fixed', baseMs: 15 * 60_000, maxMs: 15 * 60_000 } })
  async charge({ cents }: Trip, ctx: StepContext) {
    return this.bank.charge(ctx.idempotencyKey, cents);
  }

  @Compensate('charge')
  async refund(_charged: unknown, ctx: CompensationContext) {
    await this.bank.refund(ctx.actionIdempotencyKey);
  }

  @SagaStep('send_papers')
  async sendPapers(_trip: Trip, ctx: StepContext) {
    return { sent: ctx.idempotencyKey };
  }
}
