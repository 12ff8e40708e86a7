import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { inProcessTransport, rabbitMqTransport, SagaModule, typeOrmStore } from 'nest-saga';
import { databaseUrl } from './database-url';
import { PaymentSaga } from './payment.saga';
import { TravelService } from './travel.service';

/** A travel agency: PostgreSQL at DATABASE_URL, and RabbitMQ if AMQP_URL names one. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({ useFactory: () => ({ type: 'postgres', url: databaseUrl() }) }),
    SagaModule.forRoot({
      store: typeOrmStore({ autoMigrate: true }),
      transport: process.env['AMQP_URL'] ? rabbitMqTransport() : inProcessTransport(),
    }),
  ],
  providers: [TravelService, PaymentSaga],
})
export class AppModule {}
