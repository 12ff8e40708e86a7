// A worker in a process of its own, with handlers that end it, and a client of the application's that Nest closes before the engine
// is told. What the handlers do is kept in the database: `calls`, and `effects` under their idempotency keys.
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Compensate, rabbitMqTransport, SagaModule, SagaStep, StepError, typeOrmStore } from 'nest-saga';
import { Pool } from 'pg';

const { DATABASE_URL, AMQP_URL, WORKER } = process.env;
const { namespace, options, hooks, diesOn = null } = JSON.parse(WORKER);

/** How long the client takes: longer than the handlers of the tests that end processes, so that they meet a closed one. */
const CLOSING_MS = 2_500;

/** What the handlers work with. A provider of its own: its hook runs whenever Nest likes, and nobody can use it after that. */
class Client {
  pool = new Pool({ connectionString: DATABASE_URL, max: 4 });
  isClosed = false;

  async called(what, ctx) {
    this.refuseWhenClosed();
    const { idempotencyKey: key, saga, step, attempt } = ctx;
    await this.pool.query(`INSERT INTO "${namespace}".calls (what, key, saga_id, step, attempt, pid) VALUES ($1, $2, $3, $4, $5, $6)`, [
      what,
      key,
      saga.id,
      step.name,
      attempt,
      process.pid,
    ]);
  }

  async takesEffect(what, { idempotencyKey: key, saga, step }) {
    this.refuseWhenClosed();
    const effect = [what, key, saga.id, step.name];
    await this.pool.query(
      `INSERT INTO "${namespace}".effects (what, key, saga_id, step) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      effect,
    );
  }

  refuseWhenClosed() {
    if (this.isClosed) throw new Error('the client is closed');
  }

  async onModuleDestroy() {
    this.isClosed = true;
    console.log('the client is closed');
    await this.pool.end();
    await pause(CLOSING_MS);
  }
}

const client = new Client();
class Handlers {}

/** A process that dies alone proves nothing: it waits for a neighbour, but not for ever, since from its second loss on it has none. */
const NEIGHBOUR_MS = 1_000;
let neighbours = 0;

async function neighbour() {
  const until = performance.now() + NEIGHBOUR_MS;
  while (neighbours === 0 && performance.now() < until) await pause(10);
}

step('slow', async (input, ctx) => {
  await client.called('slow', ctx);
  neighbours++;
  await pause(input?.ms ?? 200);
  neighbours--;
  await client.takesEffect('slow', ctx); // throws, if the application has closed its client meanwhile
});
step('ask', (_input, ctx) => {
  console.log(`asked ${ctx.callbackToken}`);
  return ctx.suspend();
});
step('refuse', () => {
  throw new StepError({ code: 'REFUSED', message: 'as asked', retryable: false });
});
step('kill', async (_input, ctx) => {
  await client.called('kill', ctx);
  await neighbour();
  process.abort();
});
undo('undo.slow', 'slow', async (_output, ctx) => {
  await client.called('undo.slow', ctx);
  await client.takesEffect('undo.slow', ctx);
});
undo('undo.kill', 'kill', async (_output, ctx) => client.takesEffect(`undo.kill after ${ctx.outcome}`, ctx));
undo('killing.undo', undefined, async (_output, ctx) => {
  await client.called('killing.undo', ctx);
  await neighbour();
  process.abort();
});

function step(key, method) {
  define(key, method, SagaStep(key));
}

function undo(key, action, method) {
  define(key, method, Compensate(key, action === undefined ? {} : { for: action }));
}

function define(name, method, decorator) {
  Object.defineProperty(Handlers.prototype, name, { value: method, writable: true, configurable: true });
  decorator(Handlers.prototype, name, Object.getOwnPropertyDescriptor(Handlers.prototype, name));
}

function dieIfTold(signal) {
  const isIt = diesOn !== null && Object.entries(diesOn).every(([field, value]) => signal[field] === value);
  if (isIt) process.kill(process.pid, 'SIGKILL');
}

class Worker {}
Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url: DATABASE_URL, poolSize: 2, retryAttempts: 0 }),
    SagaModule.forRoot({
      store: typeOrmStore({ schema: namespace }),
      transport: rabbitMqTransport({
        uri: AMQP_URL,
        exchange: namespace,
        stepQueue: `${namespace}.steps`,
        compensateQueue: `${namespace}.compensate`,
      }),
      ...options,
      observers: [{ notify: dieIfTold }],
    }),
  ],
  providers: [Handlers, { provide: Client, useValue: client }],
})(Worker);

process.once('disconnect', () => process.exit(1)); // it ends with the test that started it
const app = await NestFactory.createApplicationContext(Worker, { abortOnError: false });
if (hooks === 'exit') app.enableShutdownHooks([], { useProcessExit: true });
if (hooks === 'plain') app.enableShutdownHooks();
console.log('at work');
