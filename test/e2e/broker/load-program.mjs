// An application under a steady load of sagas, in a process that would die of an unhandled rejection as any other does.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Compensate, rabbitMqTransport, SagaModule, SagaService, SagaStep, StepError, typeOrmStore } from 'nest-saga';

const BETWEEN_STARTS_MS = 100;
const runs = new Map();
const deliveries = { action: 0, undo: 0 };
const troubles = [];
const warnings = [];
const load = { ids: [], refusals: [], pending: new Set(), timer: undefined };
let app;
let transport;

class Steps {
  act(input, ctx) {
    if (input.fails) throw new StepError({ message: 'asked to', retryable: false });
    if (input.limps && ctx.attempt === 1) throw new StepError({ message: 'asked to, once', retryable: true });
    ran(ctx);
  }
  undo(_output, ctx) {
    ran(ctx);
  }
}
decorate(Steps, 'act', SagaStep('act', { retry: { attempts: 2, backoff: 'fixed', baseMs: 100 } }));
decorate(Steps, 'undo', Compensate('undo', { for: 'act' }));

const step = (name, how = {}) => ({ name, action: 'act', input: how });
const GOOD = [step('a'), [step('b'), step('c', { limps: true })]];
const BAD = [step('a'), step('b', { fails: true })];
// Never reached, unless somebody compares it with a clock that is hours off.
const OPTIONS = { deadlineMs: 600_000 };

const commands = {
  async boot({ databaseUrl, schema, times, transport: options }) {
    class Application {}
    Module({
      imports: [
        TypeOrmModule.forRoot({ type: 'postgres', url: databaseUrl, retryAttempts: 0, extra: { max: 2 } }),
        SagaModule.forRoot({
          store: typeOrmStore({ autoMigrate: true, schema }),
          dispatch: 'broker', // it is the broker's faults that are looked at
          transport: watched(rabbitMqTransport(options)),
          observers: [{ notify: (signal) => signal.type === 'engine.trouble' && troubles.push(signal.error.message) }],
          ...times,
        }),
      ],
      providers: [Steps],
    })(Application);
    app = await NestFactory.createApplicationContext(Application, { logger: false, abortOnError: false });
  },
  async start() {
    const { id } = await app.get(SagaService).start('one', GOOD, {}, OPTIONS);
    return id;
  },
  async waitFor({ id }) {
    return (await app.get(SagaService).waitFor(id, { timeoutMs: 20_000 })).state;
  },
  async beginLoad() {
    load.ids = [];
    load.refusals = [];
    load.timer = setInterval(startOne, BETWEEN_STARTS_MS);
  },
  /** What became of every saga of the load. */
  async endLoad() {
    clearInterval(load.timer);
    await Promise.all(load.pending);
    const sagas = app.get(SagaService);
    const wrong = [];
    for (const { id, expected } of load.ids) {
      const state = await sagas.waitFor(id, { timeoutMs: 20_000 }).then(
        (saga) => saga.state,
        (error) => error.message,
      );
      if (state !== expected) wrong.push(`${id}: ${state}`);
    }
    const twice = [...runs].flatMap(([key, count]) => (count > 1 ? [`${key}: ${count}`] : []));
    return { started: load.ids.length, refusals: load.refusals, wrong, twice };
  },
  async status() {
    return { ...transport.status(), deliveries: { ...deliveries }, troubles, warnings, clock: Date.now() };
  },
  async close() {
    await app.close();
  },
};

function startOne() {
  const isGood = (load.ids.length + load.refusals.length + load.pending.size) % 2 === 0;
  const starting = app
    .get(SagaService)
    .start('load', isGood ? GOOD : BAD, {}, OPTIONS)
    .then(
      ({ id }) => load.ids.push({ id, expected: isGood ? 'completed' : 'compensated' }),
      (error) => load.refusals.push(error.message),
    )
    .finally(() => load.pending.delete(starting));
  load.pending.add(starting);
}

/** The real transport; what arrives over it is counted, because work is done without it too. */
function watched(definition) {
  const create = (environment) => {
    transport = definition.create(environment);
    const consume = transport.consume.bind(transport);
    transport.consume = (subscription) =>
      consume({
        ...subscription,
        onDelivery: (delivery) => {
          deliveries[subscription.direction]++;
          subscription.onDelivery(delivery);
        },
      });
    return transport;
  };
  return { ...definition, create };
}

function ran({ idempotencyKey }) {
  runs.set(idempotencyKey, (runs.get(idempotencyKey) ?? 0) + 1);
}

function decorate(type, name, decorator) {
  decorator(type.prototype, name, Object.getOwnPropertyDescriptor(type.prototype, name));
}

process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`));
process.on('message', async ({ number, command, ...options }) => {
  try {
    process.send({ number, value: await commands[command](options) });
  } catch (error) {
    process.send({ number, error: `${error.name}: ${error.message}` });
  }
});
process.once('disconnect', () => process.exit(0));
process.send({ loaded: {} });
