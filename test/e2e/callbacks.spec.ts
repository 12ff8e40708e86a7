// Steps that wait for somebody outside, and those who end them: by token, by webhook, early, late, twice and forged.
import { afterEach, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  Compensate,
  type CompensationContext,
  inMemoryStore,
  inProcessTransport,
  SagaCallbacks,
  SagaInputError,
  SagaStep,
  SagaTokenError,
  type StepContext,
  StepError,
  type TransactionalStepContext,
} from 'nest-saga';
import { DataSource, type EntityManager } from 'typeorm';
import { buildSample } from './order-sample/program';
import { until } from './order-sample/until';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';
import { startWorker } from './worker-process/supervised';
import { WorkerSite } from './worker-process/worker-site';

beforeAll(buildSample, 120_000);
afterEach(closeApps);

/** Asks for approval, and remembers every token that it was given. */
@Injectable()
class Approvals {
  readonly asked: { readonly token: string; readonly attempt: number; readonly step: string }[] = [];
  readonly undone: unknown[] = [];
  early: ((token: string) => Promise<unknown>) | undefined;

  @SagaStep('approval.ask') async ask(input: { timeoutMs?: number } | null, ctx: StepContext) {
    this.asked.push({ token: ctx.callbackToken, attempt: ctx.attempt, step: ctx.step.name });
    await this.early?.(ctx.callbackToken);
    return ctx.suspend(input?.timeoutMs === undefined || ctx.attempt > 1 ? {} : { timeoutMs: input.timeoutMs });
  }
  @Compensate('approval.withdraw', { for: 'approval.ask' }) withdraw(output: unknown, ctx: CompensationContext) {
    this.undone.push([output, ctx.outcome, ctx.round]);
  }
  @SagaStep('approval.fail') fail() {
    throw new StepError({ message: 'no', retryable: false });
  }
  @Compensate('approval.ask-undo', {}) askUndo(_output: unknown, ctx: CompensationContext) {
    this.asked.push({ token: ctx.callbackToken, attempt: ctx.attempt, step: `undo ${ctx.step.name}` });
    return ctx.suspend();
  }
}

/** Asks in the transaction of its outcome. */
@Injectable()
class Bookings {
  early: ((token: string) => Promise<unknown>) | undefined;
  @SagaStep('approval.book', { transactional: true }) async book(
    input: { table: string },
    ctx: TransactionalStepContext<unknown, EntityManager>,
  ) {
    await ctx.manager.query(`INSERT INTO ${input.table} (saga_id) VALUES ($1)`, [ctx.saga.id]);
    await this.early?.(ctx.callbackToken);
    return ctx.suspend();
  }
}

const CLIENT: AppSetup = { options: { workers: { steps: 0, compensations: 0 } } };

async function waiting(app: SagaApp, input: object | null = null, retry?: { attempts: number }): Promise<{ id: string; token: string }> {
  const step = {
    name: 'approve',
    action: 'approval.ask',
    input,
    ...(retry && { retry: { ...retry, backoff: 'fixed' as const, baseMs: 0 } }),
  };
  const { id } = await app.sagas.start('order', [step]);
  await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
  return { id, token: app.context.get(Approvals).asked.at(-1)?.token ?? '' };
}

async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => Promise.reject(new Error('it was accepted')),
    (error: unknown) => error as Error,
  );
}

it.each<[string, () => Partial<AppSetup>]>([
  ['PostgreSQL and RabbitMQ', () => ({})],
  ['memory', () => ({ options: { store: inMemoryStore(), transport: inProcessTransport() } })],
])('the first word ends a step that waits, and whoever says it again is answered with the first, on %s', async (_on, setup) => {
  const app = await bootSagaApp({ providers: [Approvals], ...setup() });
  const callbacks = app.context.get(SagaCallbacks);
  const { id, token } = await waiting(app);
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
  const first = { sagaId: id, step: 'approve', outcome: 'completed' };
  expect(await callbacks.completeStep(token, { by: 'ann' })).toEqual({ ...first, accepted: true });
  expect(await callbacks.completeStep(token, { by: 'bob' })).toEqual({ ...first, accepted: false });
  expect(await callbacks.failStep(token, { message: 'no' })).toEqual({ ...first, accepted: false });
  const saga = await app.sagas.waitFor(id);
  expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', { by: 'ann' }]);
  await app.sagas.delete(id);
  expect(await callbacks.completeStep(token)).toEqual({ sagaId: id, step: null, accepted: false, outcome: 'gone' });
});

it('a word of failure ends the saga, and the step is not undone', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const { id, token } = await waiting(app, null, { attempts: 5 });
  const told = await app.context.get(SagaCallbacks).failStep(token, { code: 'REFUSED', message: 'too expensive' });
  expect(told).toMatchObject({ accepted: true, outcome: 'failed' });
  const saga = await app.sagas.waitFor(id);
  expect(await app.signal('operation.failed')).toMatchObject({ sagaId: id, step: 'approve', code: 'REFUSED', willRetry: false });
  expect([saga.state, saga.steps[0]?.error]).toEqual(['failed', { code: 'REFUSED', message: 'too expensive' }]);
  expect(app.context.get(Approvals).undone).toEqual([]);
});

it('a word that comes before the handler has returned is not lost', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const approvals = app.context.get(Approvals);
  const callbacks = app.context.get(SagaCallbacks);
  approvals.early = async (token) => expect(await callbacks.completeStep(token, 'early')).toMatchObject({ accepted: true });
  const { id } = await app.sagas.start('order', [{ name: 'approve', action: 'approval.ask' }]);
  expect((await app.sagas.waitFor(id)).steps[0]?.output).toBe('early');
  approvals.early = async (token) => callbacks.failStep(token, { message: 'no' });
  const failed = await app.sagas.start('order', [{ name: 'approve', action: 'approval.ask' }]);
  expect((await app.sagas.waitFor(failed.id)).state).toBe('failed');
});

it('a word that comes before a transactional handler has committed takes nothing of what it wrote', async () => {
  const app = await bootSagaApp({ providers: [Bookings] });
  const table = `public.${freshName()}`;
  const database = app.context.get(DataSource);
  await database.query(`CREATE TABLE ${table} (saga_id text)`);
  try {
    const callbacks = app.context.get(SagaCallbacks);
    app.context.get(Bookings).early = async (token) => callbacks.completeStep(token, 'early');
    const { id } = await app.sagas.start('order', [{ name: 'book', action: 'approval.book', compensation: null, input: { table } }]);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', 'early']);
    expect(await database.query(`SELECT saga_id FROM ${table}`)).toEqual([{ saga_id: id }]);
    app.context.get(Bookings).early = async (token) => callbacks.failStep(token, { message: 'no' });
    const failed = await app.sagas.start('order', [{ name: 'book', action: 'approval.book', compensation: null, input: { table } }]);
    expect((await app.sagas.waitFor(failed.id)).state).toBe('failed');
    await app.signal('operation.lost', ({ sagaId }) => sagaId === failed.id);
    expect(await database.query(`SELECT saga_id FROM ${table}`)).toEqual([{ saga_id: id }]);
  } finally {
    await database.query(`DROP TABLE ${table}`);
  }
});

it('a word that comes when its saga has turned back and has undone the step is undone once more', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const { id, token } = await waiting(app);
  await app.operator.cancel(id);
  expect((await app.sagas.waitFor(id)).state).toBe('compensated');
  const told = await app.context.get(SagaCallbacks).completeStep(token, { by: 'ann' });
  expect(told).toMatchObject({ accepted: true, outcome: 'unknown' });
  await app.signal('saga.attention', ({ sagaId, raised }) => sagaId === id && !raised);
  expect(app.context.get(Approvals).undone).toEqual([
    [undefined, 'unknown', 1],
    [{ by: 'ann' }, 'completed', 2],
  ]);
  expect(await app.context.get(SagaCallbacks).completeStep(token, { by: 'ann' })).toMatchObject({ accepted: false });
});

it('whatever is wrong with a token, the error is the same, and the step waits on', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const callbacks = app.context.get(SagaCallbacks);
  const { id, token } = await waiting(app);
  const other = await waiting(app);
  const [version, body = '', seal = ''] = token.split('.');
  const forged = (text: string): string => `${version}.${Buffer.from(text).toString('base64url')}.${seal}`;
  const known = Buffer.from(body, 'base64url').toString();
  const bad: unknown[] = [
    ...['', 'ns1', 'ns1..', 'nonsense', `${token} `, token.slice(0, -1), `${token}x`, token.toUpperCase(), token.replace('ns1', 'ns2')],
    ...[`${version}.${body}.`, `${version}.${other.token.split('.')[1]}.${seal}`, forged(known.replace(':a0:', ':u0:'))],
    ...[forged(known.replace(id, other.id)), forged(known.replace(/^1:/, '999:')), forged(`${known}\0`), 'x'.repeat(1_000_000), '\uD800'],
    ...[undefined, null, 7, {}, [], [token], { toString: () => token }],
  ];
  const errors = [];
  for (const one of bad) errors.push(await rejection(callbacks.completeStep(one as string, 'forged')));
  expect(new Set(errors.map(({ constructor }) => constructor))).toEqual(new Set([SagaTokenError]));
  expect(new Set(errors.map(({ message }) => message)).size).toBe(1);
  expect(errors.some(({ message }) => message.includes(seal) || message.includes(id))).toBe(false);
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
  expect(await callbacks.completeStep(token)).toMatchObject({ accepted: true });
});

it('what cannot be stored is refused, and the step waits on', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const callbacks = app.context.get(SagaCallbacks);
  const { id, token } = await waiting(app);
  for (const output of ['x'.repeat(300_000), { a: 'a\0b' }, NaN, 1n, new Map(), () => 1])
    expect(await rejection(callbacks.completeStep(token, output))).toBeInstanceOf(SagaInputError);
  for (const error of [undefined, 'text', {}, { message: '' }, { message: 'no', cdoe: 'X' }])
    expect(await rejection(callbacks.failStep(token, error as never))).toBeInstanceOf(SagaInputError);
  expect((await app.sagas.get(id)).steps[0]?.status).toBe('waiting');
  expect(await callbacks.completeStep(token, 'good')).toMatchObject({ accepted: true });
});

it('a process without workers takes callbacks, also of a paused saga, which then goes on when it is resumed', async () => {
  const namespace = freshName();
  const app = await bootSagaApp({ namespace, providers: [Approvals] });
  const client = await bootSagaApp({ namespace, ...CLIENT });
  const { id } = await app.sagas.start('order', [
    { name: 'approve', action: 'approval.ask' },
    { name: 'again', action: 'approval.ask' },
  ]);
  await app.signal('operation.waiting', ({ operation }) => operation.step === 0);
  await client.operator.pause(id);
  const approvals = app.context.get(Approvals);
  expect(await client.context.get(SagaCallbacks).completeStep(approvals.asked[0]?.token ?? '')).toMatchObject({ accepted: true });
  const paused = await app.sagas.get(id);
  expect(paused.steps.map(({ status }) => status)).toEqual(['completed', 'started']);
  await client.operator.resume(id);
  await app.signal('operation.waiting', ({ operation }) => operation.step === 1);
  await client.context.get(SagaCallbacks).completeStep(approvals.asked[1]?.token ?? '');
  expect((await client.sagas.waitFor(id)).state).toBe('completed');
});

it('nobody answers in time: the next attempt asks somebody else, with the same token', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const { id } = await app.sagas.start('order', [
    { name: 'approve', action: 'approval.ask', input: { timeoutMs: 80 }, retry: { attempts: 2, backoff: 'fixed', baseMs: 0 } },
  ]);
  const approvals = app.context.get(Approvals);
  await app.signal('operation.claimed', ({ attempt }) => attempt === 2);
  await app.signal('operation.waiting', () => approvals.asked.length === 2);
  const [first, second] = approvals.asked;
  expect([first?.attempt, second?.attempt, first?.token === second?.token]).toEqual([1, 2, true]);
  await app.context.get(SagaCallbacks).completeStep(first?.token ?? '', 'by the boss');
  const saga = await app.sagas.waitFor(id);
  expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', 'by the boss']);
});

it('a person has a step asked again whose webhook was lost, and reads what it waits for', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const { id } = await waiting(app, { timeoutMs: 3_600_000 });
  const explained = await app.operator.explain(id);
  expect(explained.summary).toMatch(/step "approve" waits for whoever has its callback token, for 60 min at most|for 1 h at most/);
  expect(explained.options.map(({ call }) => call.replace(/.*operator\.(\w+)\(.*/, '$1'))).toEqual(
    expect.arrayContaining(['retryStep', 'skipStep', 'resolveStep']),
  );
  await app.operator.retryStep(id, 'approve', { actor: 'ann' });
  const approvals = app.context.get(Approvals);
  await app.signal('operation.waiting', () => approvals.asked.length === 2);
  expect(approvals.asked.map(({ attempt }) => attempt)).toEqual([1, 1]);
  await app.context.get(SagaCallbacks).completeStep(approvals.asked[1]?.token ?? '');
  expect((await app.sagas.waitFor(id)).state).toBe('completed');
});

it('a compensation waits for its own callback, and the token of the action does not end it', async () => {
  const app = await bootSagaApp({ providers: [Approvals] });
  const callbacks = app.context.get(SagaCallbacks);
  const { id } = await app.sagas.start('order', [
    { name: 'approve', action: 'approval.ask', compensation: 'approval.ask-undo' },
    { name: 'fail', action: 'approval.fail', compensation: null },
  ]);
  const approvals = app.context.get(Approvals);
  await app.signal('operation.waiting', ({ operation }) => operation.direction === 'action');
  await callbacks.completeStep(approvals.asked[0]?.token ?? '');
  await app.signal('operation.waiting', ({ operation }) => operation.direction === 'undo');
  expect(await callbacks.completeStep(approvals.asked[0]?.token ?? '')).toMatchObject({ accepted: false, outcome: 'completed' });
  expect((await app.sagas.get(id)).state).toBe('compensating');
  expect(await callbacks.completeStep(approvals.asked[1]?.token ?? '')).toMatchObject({ accepted: true, outcome: 'completed' });
  expect((await app.sagas.waitFor(id)).state).toBe('compensated');
});

it('the token is not among what is printed of a context', async () => {
  let printed = '';
  @Injectable()
  class Printer {
    @SagaStep('print') print(_input: unknown, ctx: StepContext) {
      printed = JSON.stringify({ ...ctx });
      return ctx.suspend();
    }
  }
  const app = await bootSagaApp({ providers: [Printer] });
  const { id } = await app.sagas.start('print', [{ name: 'print', action: 'print' }]);
  await app.signal('operation.waiting');
  expect(printed).toMatch(id);
  expect(printed).not.toMatch(/ns1\.|callbackToken/);
});

it('a key that was added later signs; tokens of the earlier one are still good, in every process', async () => {
  const namespace = freshName();
  const app = await bootSagaApp({ namespace, providers: [Approvals] });
  const { id, token } = await waiting(app);
  await app.context
    .get(DataSource)
    .query(`INSERT INTO "${namespace}".secrets (key) SELECT sha256(convert_to(gen_random_uuid()::text, 'UTF8'))`);
  const rotated = await bootSagaApp({ namespace, providers: [Approvals] });
  expect(await rotated.context.get(SagaCallbacks).completeStep(token)).toMatchObject({ sagaId: id, accepted: true });
});

it('whoever suspended may be killed: the step waits on, and any other process takes the answer', async () => {
  const site = await WorkerSite.open();
  const worker = startWorker(site.worker());
  await worker.says(/^at work$/);
  const { id } = await site.app.sagas.start('order', [
    { name: 'ask', action: 'ask' },
    { name: 'slow', action: 'slow', input: { ms: 1 } },
  ]);
  const [, token = ''] = await worker.says(/^asked (\S+)$/);
  await until('the wait', async () => ((await site.app.sagas.get(id)).steps[0]?.status === 'waiting' ? true : undefined));
  await worker.end('SIGKILL');
  expect(await site.app.context.get(SagaCallbacks).completeStep(token, 'yes')).toMatchObject({ accepted: true });
  const another = startWorker(site.worker());
  await another.says(/^at work$/);
  const saga = await site.app.sagas.waitFor(id, { timeoutMs: 60_000 });
  expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', 'yes']);
  await another.end('SIGKILL');
}, 90_000);
