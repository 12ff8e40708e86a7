import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { inProcessTransport, rabbitMqTransport, SagaModule, sagaWebhookController, typeOrmStore } from 'nest-saga';
import { ApprovalService } from './approval.service';
import { Budget } from './budget.service';
import { databaseUrl } from './database-url';
import { Inbox } from './inbox';

/** Tables, an exchange and queues of its own: other samples may use the same services. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({ useFactory: () => ({ type: 'postgres', url: databaseUrl() }) }),
    SagaModule.forRoot({
      store: typeOrmStore({ schema: 'approval', autoMigrate: true }),
      transport: process.env['AMQP_URL']
        ? rabbitMqTransport({ exchange: 'approval', stepQueue: 'approval.steps', compensateQueue: 'approval.compensate' })
        : inProcessTransport(),
    }),
  ],
  controllers: [sagaWebhookController({ path: 'approvals' })],
  providers: [Budget, ApprovalService, Inbox],
})
export class AppModule {}
