// nest-saga as people use it: a Nest application that starts sagas, waits for them and has their handlers.
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { countPublishes } from './publishes.mjs';
import { watchPg } from './pg-clients.mjs';
import { SAGAS } from '../sagas.mjs';

const root = createRequire(new URL('../../package.json', import.meta.url));
const { SagaModule, SagaService, SagaStep, Compensate, StepError, typeOrmStore, rabbitMqTransport } = root('./dist/index.js');

export async function boot({ databaseUrl, amqpUrl, queues, store = {}, options = {} }) {
  const connections = watchPg(root('pg'));
  const messages = countPublishes(root('amqplib/lib/channel_model'));
  const app = await NestFactory.createApplicationContext(appModule({ databaseUrl, amqpUrl, queues, store, options }), {
    logger: ['error'],
    abortOnError: false,
  });
  const sagas = app.get(SagaService);
  return {
    async one(kind, lane, turn) {
      const { steps, context, expected, options: startOptions, counts } = SAGAS[kind](lane, turn);
      const { id, created } = await sagas.start('bench', steps, context, startOptions);
      const saga = await sagas.waitFor(id, { timeoutMs: 120_000 });
      if (saga.state !== expected) throw new Error(`saga ${id} is ${saga.state}, not ${expected}`);
      return created && counts !== false;
    },
    async start(kind) {
      const { steps, context, expected } = SAGAS[kind](0, 0);
      const { id } = await sagas.start('bench', steps, context);
      if (expected !== 'started') await sagas.waitFor(id);
      return id;
    },
    settle: connections.settle,
    queries: connections.queries,
    messages,
    close: () => app.close(),
  };
}

function appModule({ databaseUrl, amqpUrl, queues, store, options }) {
  class Work {
    async work(input) {
      if (input?.fails) throw new StepError({ message: 'asked to fail', retryable: false });
      if (input?.takesMs) await pause(input.takesMs);
      return { done: true };
    }
    async undo() {}
  }
  decorate(Work, 'work', SagaStep('work'));
  decorate(Work, 'undo', Compensate('undo', { for: 'work' }));
  class AppModule {}
  Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, retryAttempts: 0 }),
      SagaModule.forRoot({
        store: typeOrmStore({ autoMigrate: true, ...store }),
        transport: rabbitMqTransport({ uri: amqpUrl, ...queues }),
        workers: { steps: 500, compensations: 500 },
        ...options,
      }),
    ],
    providers: [Work],
  })(AppModule);
  return AppModule;
}

/** A decorator on a method, in plain JavaScript. */
function decorate(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}
