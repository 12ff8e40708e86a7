// A process that only starts and waits. It must end by itself when its application is closed: whatever keeps it alive was forgotten.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { rabbitMqTransport, SagaModule, SagaService, typeOrmStore } from 'nest-saga';

const { DATABASE_URL, AMQP_URL, NAMESPACE } = process.env;

class Waiting {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, poolSize: 2, retryAttempts: 0 }),
    SagaModule.forRoot({
      store: typeOrmStore({ schema: NAMESPACE }),
      transport: rabbitMqTransport({
        uri: AMQP_URL,
        exchange: NAMESPACE,
        stepQueue: `${NAMESPACE}.steps`,
        compensateQueue: `${NAMESPACE}.compensate`,
      }),
      workers: { steps: 0, compensations: 0 },
    }),
  ],
})(Waiting);

process.channel?.unref(); // the test's own line keeps nobody alive
const app = await NestFactory.createApplicationContext(Waiting, { abortOnError: false, logger: ['error'] });
const sagas = app.get(SagaService);
const saga = await sagas.execute('s', [{ name: 'a', action: 'quick' }]);
console.log(`it is ${saga.state}`);
const { id } = await sagas.start('s', [{ name: 'a', action: 'gated' }]);
const stopped = sagas.waitFor(id, { timeoutMs: 600_000 }).catch((error) => error.code);
await app.close();
console.log(`closed: ${await stopped}`);
