import { Controller, Get, NotFoundException, Param } from '@nestjs/common';
import { problemOfText } from '../plain-text';
import { InventoryService } from './inventory.service';

@Controller('inventory')
export class InventoryController {
  constructor(private readonly inventory: InventoryService) {}

  @Get(':productId')
  async show(@Param('productId') productId: string): Promise<{ readonly productId: string; readonly quantity: number }> {
    const quantity = problemOfText(productId) === null ? await this.inventory.quantityOf(productId) : undefined;
    if (quantity === undefined) throw new NotFoundException('there is no such product');
    return { productId, quantity };
  }
}
