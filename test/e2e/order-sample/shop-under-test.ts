import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module, type INestApplication, type LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { rabbitMqTransport, SagaModule, SagaService, typeOrmStore } from 'nest-saga';
import { ShopModule } from '../../../sample/01-order-processing/src/shop.module';
import { Namespace } from '../../contract/transport-broker';
import { createDatabase, type OwnDatabase } from './own-database';
import { ShopHttp } from './shop-http';

/** The sample's shop in this process, on a database and queues of its own. */
export interface ShopUnderTest {
  readonly http: ShopHttp;
  readonly sagas: SagaService;
  readonly database: OwnDatabase;
  /** What the shop has logged. */
  readonly log: readonly string[];
  stop(): Promise<void>;
}

export async function openShop(): Promise<ShopUnderTest> {
  const [database, broker] = await Promise.all([createDatabase(), Namespace.open()]);
  const log: string[] = [];
  const app = await NestFactory.create(shopOn(database, broker), { logger: loggerInto(log), abortOnError: false });
  await app.init();
  const url = await listen(app);
  return {
    http: new ShopHttp(url),
    sagas: app.get(SagaService),
    database,
    log,
    stop: async () => {
      await app.close();
      await Promise.all([database.drop(), broker.dispose()]);
    },
  };
}

function shopOn({ url }: OwnDatabase, { exchange, stepQueue, compensateQueue }: Namespace): new () => object {
  @Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url }),
      SagaModule.forRoot({
        store: typeOrmStore({ autoMigrate: true }),
        transport: rabbitMqTransport({ exchange, stepQueue, compensateQueue }),
      }),
      ShopModule,
    ],
  })
  class ShopOnOwnServices {}
  return ShopOnOwnServices;
}

async function listen(app: INestApplication): Promise<string> {
  const server = app.getHttpServer() as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function loggerInto(lines: string[]): LoggerService {
  const keep = (message: unknown): void => void lines.push(String(message));
  return { log: keep, warn: keep, error: keep, debug: keep, verbose: keep, fatal: keep };
}
