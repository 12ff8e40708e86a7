// A Nest application with the engine in it, in a process that may be killed at any moment. Everything is loaded first and booted on
// demand (over IPC), so that a test need not wait for Node, and one process can be several workers one after the other.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import '@golevelup/nestjs-rabbitmq';
import 'pg';
import { rabbitMqTransport, SagaEvents, SagaModule, SagaService, typeOrmStore } from 'nest-saga';
import { withFaultPoints, withTransportFaultPoints } from 'nest-saga/testing';
import { handlersClass } from './handlers.mjs';

const MOST_REMEMBERED = 10_000;

let app;
/** Names of the fault points that were reached, in order, each with how often it was: `claim.after#2`. */
let reached = [];

const commands = {
  async boot({ databaseUrl, amqpUrl, effectsUrl, schema, queues, times, autoStart = true, dieAt }) {
    // Handlers may run before the application has said that it is there.
    let isThere;
    const there = new Promise((resolve) => (isThere = resolve));
    const announce = async (manager, { id, key }) => (await there).get(SagaEvents).publish('booked', { id }, { key, manager });
    const Handlers = handlersClass(effectsUrl, schema, announce);
    const reach = faultPoint(dieAt);
    class Worker {}
    Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, retryAttempts: 0, extra: { max: 2 } }),
        SagaModule.forRoot({
          store: withFaultPoints(typeOrmStore({ autoMigrate: true, schema }), reach),
          transport: withTransportFaultPoints(rabbitMqTransport({ uri: amqpUrl, ...queues }), reach),
          autoStart,
          ...times,
          observers: [{ notify: told }],
        }),
      ],
      providers: [Handlers],
    })(Worker);
    app = await NestFactory.createApplicationContext(Worker, { logger: false, abortOnError: false });
    isThere(app);
  },
  async run() {
    await app.get(SagaService).run();
  },
  async start({ name, steps, businessKey, options = {} }) {
    const { id, state, created } = await app.get(SagaService).start(name, steps, {}, { ...options, businessKey });
    return { id, state, created };
  },
  async compensate({ id }) {
    await app.get(SagaService).compensate(id);
  },
  async faultPoints() {
    return reached;
  },
  async memory() {
    return process.memoryUsage().rss;
  },
  async close() {
    await app?.close();
    app = undefined;
  },
};

/** Ends this process at the named point, without a word. */
function faultPoint(dieAt) {
  const counts = new Map();
  reached = [];
  return (name) => {
    const times = (counts.get(name) ?? 0) + 1;
    counts.set(name, times);
    if (reached.length < MOST_REMEMBERED) reached.push(`${name}#${times}`);
    if (dieAt === `${name}#${times}`) process.kill(process.pid, 'SIGKILL');
  };
}

function told(event) {
  if (process.env.CHAOS_TROUBLE && event.type === 'engine.trouble') console.error(process.pid, event.where, event.error.message);
}

process.on('message', async ({ number, command, ...options }) => {
  try {
    const value = await commands[command](options);
    process.send({ number, value });
  } catch (error) {
    process.send({ number, error: `${error.name}: ${error.message}` });
  }
});
process.once('disconnect', () => process.exit(0));
process.send({ loaded: true });
