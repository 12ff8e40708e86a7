// A process that publishes events in transactions and may be killed at any moment; ends with the process that started it.
import 'reflect-metadata';
import { setImmediate as turn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { rabbitMqTransport, SagaEvents, SagaModule, typeOrmStore } from 'nest-saga';
import { DataSource } from 'typeorm';

const { DATABASE_URL, AMQP_URL, OUTBOX_NAMESPACE: namespace } = process.env;
const die = () => process.kill(process.pid, 'SIGKILL');

class Publisher {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL }),
    SagaModule.forRoot({
      store: typeOrmStore({ schema: namespace }),
      transport: rabbitMqTransport({ uri: AMQP_URL, exchange: namespace, stepQueue: `${namespace}.s`, compensateQueue: `${namespace}.c` }),
      workers: { steps: 0, compensations: 0 },
      leaseMs: 1_500,
    }),
  ],
})(Publisher);

process.once('disconnect', () => process.exit(1));
const app = await NestFactory.createApplicationContext(Publisher, { logger: false, abortOnError: false });
const database = app.get(DataSource);
const events = app.get(SagaEvents);

/** `dieAfterTurns`: of the event loop, counted from the commit; -1: inside the transaction; undefined: not at all. */
process.on('message', async ({ name, dieAfterTurns }) => {
  await database.transaction(async (manager) => {
    await events.publish('order.placed', { name }, { manager });
    if (dieAfterTurns === -1) die();
  });
  if (dieAfterTurns === undefined) return process.send({ published: name });
  for (let turns = 0; turns < dieAfterTurns; turns++) await turn();
  die();
});
process.send({ published: null });
