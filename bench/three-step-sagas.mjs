// How many three-step sagas a second does one process finish through the whole stack (Nest, TypeORM, PostgreSQL with fsync, RabbitMQ
// quorum queues, history on), and how long does a lone one take? The yardstick for every change on the hot path.
//
//   npm run bench                     1, 10 and 100 in flight, 5 seconds each
//   npm run bench -- --seconds 20
import 'reflect-metadata';
import { cpus, totalmem } from 'node:os';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { startServices } from '../test/services/services.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { SagaModule, SagaService, SagaStep, Compensate, StepError, typeOrmStore, rabbitMqTransport } = createRequire(import.meta.url)(
  '../dist/index.js',
);
const { values } = parseArgs({ options: { seconds: { type: 'string', default: '5' } } });
const seconds = Number(values.seconds);

const services = await startServices({ root, postgres: { fast: false }, rabbit: { install: true } });
const app = await NestFactory.createApplicationContext(appModule(services.env), { logger: ['error'] });
const sagas = app.get(SagaService);

const HAPPY = ['a', 'b', 'c'].map((name) => ({ name, action: 'work', input: {} }));
const FAILING = [...HAPPY.slice(0, 2), { name: 'c', action: 'work', input: { fails: true } }];

console.log(
  `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, one process, ${seconds} s a row`,
);
await measure(HAPPY, 'completed', 10, 1);
const rows = [];
for (const inFlight of [1, 10, 100]) {
  rows.push({ saga: 'happy', inFlight, ...(await measure(HAPPY, 'completed', inFlight, seconds)) });
  rows.push({ saga: 'compensated', inFlight, ...(await measure(FAILING, 'compensated', inFlight, seconds)) });
}
console.table(rows);
await app.close();
await services.stop();
process.exit(0);

async function measure(steps, expected, inFlight, forSeconds) {
  const end = performance.now() + forSeconds * 1_000;
  const times = [];
  const began = performance.now();
  const lane = async () => {
    while (performance.now() < end) {
      const at = performance.now();
      const { id } = await sagas.start('bench', steps);
      const saga = await sagas.waitFor(id);
      if (saga.state !== expected) throw new Error(`saga ${id} is ${saga.state}, not ${expected}`);
      times.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  times.sort((a, b) => a - b);
  const quantile = (q) => Math.round((times[Math.floor((times.length - 1) * q)] ?? NaN) * 10) / 10;
  const perSecond = Math.round((times.length / (performance.now() - began)) * 1_000);
  return { 'sagas/s': perSecond, 'p50 ms': quantile(0.5), 'p95 ms': quantile(0.95), 'p99 ms': quantile(0.99) };
}

function appModule({ DATABASE_URL, AMQP_URL }) {
  class Work {
    work(input) {
      if (input?.fails) throw new StepError({ message: 'asked to fail', retryable: false });
      return { done: true };
    }
    undo() {}
  }
  decorate(Work, 'work', SagaStep('work'));
  decorate(Work, 'undo', Compensate('undo', { for: 'work' }));
  class AppModule {}
  const workers = { steps: 50, compensations: 50 };
  Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL }),
      SagaModule.forRoot({ store: typeOrmStore({ autoMigrate: true }), transport: rabbitMqTransport({ uri: AMQP_URL }), workers }),
    ],
    providers: [Work],
  })(AppModule);
  return AppModule;
}

/** A decorator on a method, in plain JavaScript. */
function decorate(type, method, decorator) {
  decorator(type.prototype, method, Object.getOwnPropertyDescriptor(type.prototype, method));
}
