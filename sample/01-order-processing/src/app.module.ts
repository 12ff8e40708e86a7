import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { inProcessTransport, rabbitMqTransport, SagaModule, typeOrmStore } from 'nest-saga';
import { databaseUrl } from './database-url';
import { ShopModule } from './shop.module';

/** The shop in its environment: PostgreSQL at DATABASE_URL, and RabbitMQ if AMQP_URL names one. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({ useFactory: () => ({ type: 'postgres', url: databaseUrl() }) }),
    SagaModule.forRoot({
      store: typeOrmStore({ autoMigrate: true }),
      // Without a broker, wake-ups stay in this process; what they are about is in PostgreSQL either way.
      transport: process.env['AMQP_URL'] ? rabbitMqTransport() : inProcessTransport(),
    }),
    ShopModule,
  ],
})
export class AppModule {}
