// How long does execute() take when the last step of the saga runs in another process? Two processes: this one only starts and waits, the
// other one has the handlers. The yardstick for how a waiting process hears of an end.
//
//   npm run bench:wait                starts a PostgreSQL and a RabbitMQ of its own
//   DATABASE_URL=… AMQP_URL=… node bench/wait-latency.mjs      on these, in a schema and queues of its own
import 'reflect-metadata';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { startServices } from '../test/services/services.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const { SagaModule, SagaService, SagaStep, typeOrmStore, rabbitMqTransport } = createRequire(import.meta.url)('../dist/index.js');
const { values } = parseArgs({ options: { sagas: { type: 'string', default: '200' }, worker: { type: 'string' } } });

if (values.worker === undefined) await measure(Number(values.sagas));
else await work(values.worker);

async function measure(count) {
  const services = process.env.AMQP_URL ? null : await startServices({ root, postgres: { fast: false }, rabbit: { install: true } });
  const env = { ...process.env, ...services?.env };
  const namespace = `wait_${process.pid}`;
  const app = await NestFactory.createApplicationContext(appModule(env, namespace, []), { logger: ['error'] });
  const worker = fork(fileURLToPath(import.meta.url), ['--worker', namespace], { env });
  await once(worker, 'message');
  const sagas = app.get(SagaService);
  const steps = ['a', 'b'].map((name) => ({ name, action: 'work', input: {} }));
  for (let i = 0; i < 10; i++) await sagas.execute('bench', steps);

  const times = [];
  for (let i = 0; i < count; i++) {
    const at = performance.now();
    await sagas.execute('bench', steps);
    times.push(performance.now() - at);
  }
  times.sort((a, b) => a - b);
  const quantile = (q) => Math.round(times[Math.floor((times.length - 1) * q)] * 10) / 10;
  console.log(
    `node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}; ${count} two-step sagas, one after the other, 2 processes`,
  );
  console.table([{ 'p50 ms': quantile(0.5), 'p95 ms': quantile(0.95), 'p99 ms': quantile(0.99), 'longest ms': quantile(1) }]);
  worker.disconnect();
  await once(worker, 'exit');
  await app.close();
  await services?.stop();
  process.exit(0);
}

async function work(namespace) {
  class Handlers {
    work() {
      return { done: true };
    }
  }
  const { prototype } = Handlers;
  SagaStep('work')(prototype, 'work', Object.getOwnPropertyDescriptor(prototype, 'work'));
  const app = await NestFactory.createApplicationContext(appModule(process.env, namespace, [Handlers]), { logger: ['error'] });
  process.once('disconnect', () => void app.close().then(() => process.exit(0)));
  process.send('at work');
}

function appModule({ DATABASE_URL, AMQP_URL }, namespace, providers) {
  class AppModule {}
  const workers = providers.length > 0 ? {} : { workers: { steps: 0, compensations: 0 } };
  Module({
    imports: [
      TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL }),
      SagaModule.forRoot({
        store: typeOrmStore({ schema: namespace, autoMigrate: true }),
        transport: rabbitMqTransport({
          uri: AMQP_URL,
          exchange: namespace,
          stepQueue: `${namespace}.steps`,
          compensateQueue: `${namespace}.compensate`,
        }),
        ...workers,
      }),
    ],
    providers,
  })(AppModule);
  return AppModule;
}
