import { Module } from '@nestjs/common';
import { InventoryController } from './inventory/inventory.controller';
import { InventoryService } from './inventory/inventory.service';
import { OrdersController } from './orders/orders.controller';
import { OrdersService } from './orders/orders.service';
import { PaymentsController } from './payments/payments.controller';
import { PaymentsService } from './payments/payments.service';
import { SagasController } from './sagas/sagas.controller';
import { ShopSchema } from './shop.schema';

/** Orders, inventory and payments: each keeps its own tables and knows nothing of the other two. */
@Module({
  controllers: [OrdersController, SagasController, InventoryController, PaymentsController],
  providers: [ShopSchema, OrdersService, InventoryService, PaymentsService],
})
export class ShopModule {}
