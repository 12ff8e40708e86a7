import { Controller, Get, NotFoundException, Param } from '@nestjs/common';
import { problemOfText } from '../plain-text';
import { PaymentsService, type Payment } from './payments.service';

type PaymentView = Omit<Payment, 'amountCents'> & { readonly amount: number };

@Controller('payments')
export class PaymentsController {
  constructor(private readonly payments: PaymentsService) {}

  @Get(':sagaId')
  async show(@Param('sagaId') sagaId: string): Promise<PaymentView> {
    const payment = problemOfText(sagaId) === null ? await this.payments.ofSaga(sagaId) : undefined;
    if (payment === undefined) throw new NotFoundException('this saga has no payment');
    const { amountCents, ...shown } = payment;
    return { ...shown, amount: amountCents / 100 };
  }
}
