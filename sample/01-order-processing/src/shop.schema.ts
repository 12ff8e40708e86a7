import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { INVENTORY_TABLES } from './inventory/inventory.tables';
import { ORDERS_TABLE } from './orders/orders.table';
import { PAYMENTS_TABLE } from './payments/payments.table';

/** Makes the shop's tables before the first saga step can run. */
@Injectable()
export class ShopSchema implements OnModuleInit {
  constructor(private readonly db: DataSource) {}

  async onModuleInit(): Promise<void> {
    await this.db.transaction(async (tx) => {
      // CREATE … IF NOT EXISTS fails when two servers boot at the same moment, so the second one waits.
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('shop.schema'))`);
      for (const sql of ['CREATE SCHEMA IF NOT EXISTS shop', ORDERS_TABLE, INVENTORY_TABLES, PAYMENTS_TABLE]) await tx.query(sql);
    });
  }
}
