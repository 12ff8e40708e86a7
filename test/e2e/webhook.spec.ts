// The ready-made controller, asked over HTTP in a process that runs no steps.
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from '@jest/globals';
import { type INestApplication, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { rabbitMqTransport, SagaModule, SagaStep, sagaWebhookController, type StepContext, typeOrmStore } from 'nest-saga';
import { bootSagaApp, closeApps, databaseModule, freshName, type SagaApp } from './saga-app';

@Injectable()
class Shipping {
  token = '';
  @SagaStep('shipping.ask') ask(_input: unknown, ctx: StepContext) {
    this.token = ctx.callbackToken;
    return ctx.suspend();
  }
}

let web: INestApplication | undefined;

afterEach(async () => {
  await web?.close();
  await closeApps();
});

interface Asked {
  readonly app: SagaApp;
  readonly id: string;
  readonly stepId: string;
  readonly token: string;
  notify(body: unknown, token?: string): Promise<{ readonly status: number; readonly body: Readonly<Record<string, unknown>> }>;
}

async function asked(): Promise<Asked> {
  const namespace = freshName();
  const app = await bootSagaApp({ namespace, providers: [Shipping] });
  @Module({
    imports: [
      databaseModule(),
      SagaModule.forRoot({
        store: typeOrmStore({ schema: namespace }),
        transport: rabbitMqTransport({ exchange: namespace, stepQueue: `${namespace}.steps`, compensateQueue: `${namespace}.compensate` }),
        workers: { steps: 0, compensations: 0 },
      }),
    ],
    controllers: [sagaWebhookController({ path: 'hooks/saga' })],
  })
  class WebModule {}
  web = await NestFactory.create(WebModule, { logger: false });
  await web.listen(0, '127.0.0.1');
  const { port } = (web.getHttpServer() as Server).address() as AddressInfo;
  const { id } = await app.sagas.start('order', [{ name: 'ship', action: 'shipping.ask' }]);
  await app.signal('operation.waiting');
  const notify: Asked['notify'] = async (body, token) => {
    const headers = { 'content-type': 'application/json', ...(token !== undefined && { 'x-saga-token': token }) };
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await fetch(`http://127.0.0.1:${port}/hooks/saga`, { method: 'POST', headers, body: text });
    return { status: response.status, body: (await response.json()) as Readonly<Record<string, unknown>> };
  };
  return { app, id, stepId: (await app.sagas.get(id)).steps[0]?.id ?? '', token: app.context.get(Shipping).token, notify };
}

it('a notification ends the step, and is answered with the first outcome when it comes again', async () => {
  const { app, id, stepId, token, notify } = await asked();
  const notification = { sagaId: id, stepId, status: 'completed', output: { parcel: 7 } };
  const answer = { sagaId: id, step: 'ship', outcome: 'completed' };
  expect(await notify(notification, token)).toEqual({ status: 200, body: { ...answer, accepted: true } });
  expect(await notify(notification, token)).toEqual({ status: 200, body: { ...answer, accepted: false } });
  expect(await notify({ status: 'failed', error: 'no' }, token)).toEqual({ status: 200, body: { ...answer, accepted: false } });
  expect((await app.sagas.waitFor(id)).steps[0]?.output).toEqual({ parcel: 7 });
});

it('the notification of the source document, with its own names and the token in the body, says that a step failed', async () => {
  const { app, id, stepId, token, notify } = await asked();
  const answer = await notify({ saga_id: id, step_id: stepId, status: 'failed', error: 'out of stock', token });
  expect(answer).toMatchObject({ status: 200, body: { accepted: true, outcome: 'failed' } });
  expect((await app.sagas.waitFor(id)).steps[0]?.error).toEqual({ code: 'STEP_FAILED', message: 'out of stock' });
});

it('a bad token is 401 with one body, whatever else is in the notification; a bad body is 400; the step waits on', async () => {
  const { app, id, token, notify } = await asked();
  const other = await app.sagas.start('order', [{ name: 'ship', action: 'shipping.ask' }]);
  const refused = [];
  for (const bad of [undefined, '', 'nonsense', `${token}x`, token.slice(0, -2)])
    for (const body of [{ status: 'completed' }, { nonsense: true }, [], { sagaId: other.id, status: 'completed' }])
      refused.push(await notify(body, bad));
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([401]));
  expect(new Set(refused.map(({ body }) => JSON.stringify(body))).size).toBe(1);

  const bodies: readonly (readonly [unknown, RegExp])[] = [
    [{ sagaId: other.id, status: 'completed' }, /sagaId.*not the saga of the token/],
    [{ stepId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', status: 'completed' }, /stepId.*not the step of the token/],
    [{ status: 'complete' }, /did you mean "completed"/],
    [{ status: 'completed', outptu: 1 }, /did you mean "output"/],
    [{ status: 'failed', error: { mesage: 'x' } }, /did you mean "message"/],
    [{ status: 'failed', error: 7 }, /must be/],
    [{ status: 'completed', output: 'a\0b' }, /output/],
    [[], /must be an object/],
    ['{"status":', /JSON/],
  ];
  for (const [body, message] of bodies) {
    const answer = await notify(body, token);
    expect([answer.status, String(answer.body['message'])]).toEqual([400, expect.stringMatching(message)]);
  }
  expect((await notify({ status: 'completed', output: 'x'.repeat(90_000) }, token)).status).toBe(200);
  expect((await app.sagas.waitFor(id)).state).toBe('completed');
});

it('a notification that is too large is 413, and the step waits on', async () => {
  const { app, id, token, notify } = await asked();
  expect((await notify({ status: 'completed', output: 'x'.repeat(2_000_000) }, token)).status).toBe(413);
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
});
