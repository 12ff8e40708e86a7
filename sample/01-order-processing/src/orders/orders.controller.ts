import { randomUUID } from 'node:crypto';
import { BadRequestException, Body, Controller, Headers, HttpCode, Post } from '@nestjs/common';
import { SagaService, type SagaState } from 'nest-saga';
import { problemOfText } from '../plain-text';
import { ORDER_SAGA, orderPlan } from './order.plan';
import { parseOrder } from './order-request';

export interface OrderAccepted {
  readonly sagaId: string;
  readonly status: SagaState;
  readonly message: string;
}

@Controller('orders')
export class OrdersController {
  constructor(private readonly sagas: SagaService) {}

  /** Accepted, not done: the saga is stored, and runs to its end whatever happens to this process. */
  @Post()
  @HttpCode(202)
  async place(@Body() body: unknown, @Headers('x-request-id') requestId: string = randomUUID()): Promise<OrderAccepted> {
    const order = parseOrder(body);
    const problem = problemOfText(requestId);
    if (problem !== null) throw new BadRequestException(`X-Request-ID ${problem}`);
    const { id, state } = await this.sagas.start(
      ORDER_SAGA,
      orderPlan(order),
      { customerId: order.customerId },
      { metadata: { requestId } },
    );
    return { sagaId: id, status: state, message: 'Order processing started' };
  }
}
