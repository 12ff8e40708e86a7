// One server of the shop, on the queues and with the times that its test chose; ends with the process that started it.
import 'reflect-metadata';
import { once } from 'node:events';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { rabbitMqTransport, SagaModule, typeOrmStore } from 'nest-saga';
import { ShopModule } from '../../../sample/01-order-processing/dist/shop.module.js';

const { DATABASE_URL, SHOP_SERVER } = process.env;
const { name, queues, times } = JSON.parse(SHOP_SERVER);

class ShopServer {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, applicationName: name }),
    SagaModule.forRoot({ store: typeOrmStore({ autoMigrate: true }), transport: rabbitMqTransport(queues), ...times }),
    ShopModule,
  ],
})(ShopServer);

process.once('disconnect', () => process.exit(1));
const app = await NestFactory.create(ShopServer, { abortOnError: false, forceCloseConnections: true });
app.enableShutdownHooks([], { useProcessExit: true });
await app.init();
const server = app.getHttpServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
console.log(`open at http://127.0.0.1:${server.address().port}`);
