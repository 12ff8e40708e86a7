import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { inProcessTransport, rabbitMqTransport, SagaModule, typeOrmStore } from 'nest-saga';
import { OrdersService } from './orders.service';

const NAME = 'sample_02';

@Module({
  imports: [
    TypeOrmModule.forRootAsync({ useFactory: () => ({ type: 'postgres', url: databaseUrl() }) }),
    SagaModule.forRoot({
      // Tables, an exchange and queues of its own: the samples may share their servers.
      store: typeOrmStore({ schema: NAME, autoMigrate: true }),
      transport: process.env['AMQP_URL']
        ? rabbitMqTransport({ exchange: NAME, stepQueue: `${NAME}.steps`, compensateQueue: `${NAME}.compensate` })
        : inProcessTransport(),
    }),
  ],
  providers: [OrdersService],
})
export class AppModule {}

function databaseUrl(): string {
  const url = process.env['DATABASE_URL'];
  if (url) return url;
  throw new Error(
    'DATABASE_URL is not set: run `node sample/start.mjs 02-parallel-and-conditional`, which starts a PostgreSQL, or set it.',
  );
}
