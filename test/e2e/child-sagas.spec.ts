import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import {
  contextRef,
  defineSaga,
  fragment,
  inMemoryStore,
  inProcessTransport,
  ref,
  SagaActiveError,
  SagaDefinition,
  SagaStep,
  typeOrmStore,
  type ChildSaga,
  type Saga,
  type StepList,
} from 'nest-saga';
import { withFaultPoints } from 'nest-saga/testing';
import { Bank, before, pay, payment, refuse } from './child-sagas/bank';
import { buildSample } from './order-sample/program';
import { bootSagaApp, closeApps, freshName, type AppSetup, type SagaApp } from './saga-app';
import { SupervisedWorker } from './worker-process/supervised';
import { WorkerSite } from './worker-process/worker-site';

beforeAll(buildSample, 120_000);
afterEach(closeApps);

interface BankApp extends SagaApp {
  readonly bank: Bank;
}

async function bootBank(setup: AppSetup = {}): Promise<BankApp> {
  const app = await bootSagaApp({ ...setup, providers: [Bank, ...(setup.providers ?? [])] });
  return { ...app, bank: app.context.get(Bank) };
}

const states = (saga: Saga): readonly string[] => [saga.state, ...saga.steps.map(({ name, status }) => `${name} ${status}`)];

async function childOf(app: SagaApp, saga: Saga, step = 'pay'): Promise<Saga> {
  const child = saga.steps.find(({ name }) => name === step)?.child;
  return app.sagas.get(child?.id ?? '');
}

test('a step runs another saga on what its context says, and completes with the output of its last step', async () => {
  const app = await bootBank();
  const steps = [
    { name: 'pay', saga: payment, context: { from: 'ann', to: contextRef('customer'), amount: 7 } },
    { name: 'more', action: 'bank.charge', input: { account: 'bob', amount: ref('pay', 'amount') } },
  ];
  const { id } = await app.sagas.start('order', steps, { customer: 'cid' }, { metadata: { requestId: 'r1' } });
  const saga = await app.sagas.waitFor(id);
  expect(states(saga)).toEqual(['completed', 'pay completed', 'more completed']);
  expect(saga.steps.map(({ output }) => output)).toEqual([
    { account: 'cid', amount: 7 },
    { account: 'bob', amount: 7 },
  ]);
  expect(saga.steps[0]?.input).toEqual({ from: 'ann', to: null, amount: 7 });
  const child = await childOf(app, saga);
  expect(saga.steps.map((step) => step.child)).toEqual([{ id: child.id, state: 'completed' }, null]);
  expect([child.name, child.parent, child.metadata]).toEqual(['payment', { sagaId: id, step: 0 }, { requestId: 'r1' }]);
  expect(app.bank.seen[0]).toEqual({ from: 'ann', to: 'cid', amount: 7 });
  expect((await app.sagas.list({ parent: id })).map((one) => one.id)).toEqual([child.id]);
});

test('a saga that fails is undone by itself; then the saga whose step it is turns back and says why', async () => {
  const app = await bootBank();
  const { id } = await app.sagas.start('order', [before, { ...pay, context: { ...pay.context, amount: 101 } }]);
  const saga = await app.sagas.waitFor(id);
  expect(states(saga)).toEqual(['compensated', 'before compensated', 'pay failed']);
  const child = await childOf(app, saga);
  expect(states(child)).toEqual(['compensated', 'deposit compensated', 'balance failed']);
  const message = `saga "payment" (${child.id}) is compensated: step "balance" failed with LIMIT: over the limit`;
  expect(saga.cause).toEqual({ kind: 'step-failed', step: 'pay', error: { code: 'CHILD_FAILED', message } });
  expect(app.bank.books.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    'charge before',
    'charge from',
    'refund from',
    'refund before',
  ]);
});

test('cancelling a saga turns back the one that its step runs, and waits until that is undone', async () => {
  const app = await bootBank();
  const hold = app.bank.hold('to');
  const { id } = await app.sagas.start('order', [before, pay]);
  await hold.reached;
  await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
  await app.operator.cancel(id, { reason: 'the customer called', actor: 'ann' });
  const child = await childOf(app, await app.sagas.get(id));
  await app.signal('operation.waiting', ({ sagaId, operation }) => sagaId === id && operation.direction === 'undo');
  expect(states(await app.sagas.get(id))).toEqual(['compensating', 'before completed', 'pay compensating']);
  hold.release();
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'before compensated', 'pay compensated']);
  expect(states(await app.sagas.get(child.id))).toEqual(['compensated', 'deposit compensated', 'balance compensated']);
  expect(app.bank.books.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
    ...['charge before', 'charge from', 'charge to'],
    ...['refund to', 'refund from', 'refund before'],
  ]);
  expect((await app.sagas.get(child.id)).cause).toMatchObject({ kind: 'asked', reason: expect.stringContaining(id) as unknown });
});

test('a saga that a person ends with something left makes nobody say that all was undone', async () => {
  const app = await bootBank();
  const hold = app.bank.hold('to');
  const { id } = await app.sagas.start('order', [before, pay]);
  await hold.reached;
  await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
  const child = await childOf(app, await app.sagas.get(id));
  await app.operator.terminate(child.id, { reason: 'nobody knows this customer', actor: 'ann' });
  hold.release();
  const stuck = await app.sagas.waitFor(id);
  expect(states(stuck)).toEqual(['stuck', 'before completed', 'pay compensation_failed']);
  expect(stuck.steps[1]?.error?.message).toMatch(
    new RegExp(`^somebody ended saga ${child.id} with "[a-z".]+( and "[a-z."]+)? not undone$`),
  );
  await app.operator.resolveStep(id, 'pay', { status: 'compensated' }, { reason: 'refunded by hand', actor: 'ann' });
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'before compensated', 'pay compensated']);
});

test('a step that somebody says has failed while its saga runs turns that saga back all the same', async () => {
  const app = await bootBank();
  const hold = app.bank.hold('to');
  const { id } = await app.sagas.start('order', [before, pay]);
  await hold.reached;
  await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
  await app.operator.resolveStep(id, 'pay', { status: 'failed', error: { message: 'it takes too long' } });
  await app.signal('operation.waiting', ({ sagaId, operation }) => sagaId === id && operation.direction === 'undo');
  hold.release();
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('compensated');
  expect((await childOf(app, saga)).state).toBe('compensated');
});

test('what a completed saga did is undone by another one, which names the keys under which it was done', async () => {
  const app = await bootBank();
  const { id } = await app.sagas.start('order', [pay, refuse]);
  const saga = await app.sagas.waitFor(id);
  expect(states(saga)).toEqual(['compensated', 'pay compensated', 'refuse failed']);
  const child = await childOf(app, saga);
  expect(states(child)).toEqual(['completed', 'deposit completed', 'balance completed']); // a terminal state never changes
  const [linked] = (await app.sagas.list({ parent: id })).filter((one) => one.id !== child.id);
  expect(linked?.parent).toEqual({ sagaId: id, step: 0, undoes: child.id });
  expect(states(linked as Saga)).toEqual(['compensated', 'deposit compensated', 'balance compensated']);
  expect(linked?.steps.map(({ output }) => output)).toEqual(child.steps.map(({ output }) => output));
  expect(app.bank.books).toEqual([
    `charge from ${child.id}:deposit:action`,
    `charge to ${child.id}:balance:action`,
    `refund to ${child.id}:balance:action under ${linked?.id}:balance:undo`,
    `refund from ${child.id}:deposit:action under ${linked?.id}:deposit:undo`,
  ]);
});

test('a saga whose child is stuck says so, and goes on when somebody has helped the child', async () => {
  const app = await bootBank();
  app.bank.frozen.add('from');
  const { id } = await app.sagas.start('order', [before, { ...pay, context: { ...pay.context, amount: 101 } }]);
  const { childId } = await app.signal('child.stuck', ({ sagaId }) => sagaId === id);
  const saga = await app.sagas.get(id);
  expect(states(saga)).toEqual(['started', 'before completed', 'pay waiting']);
  expect(saga.steps[1]).toMatchObject({ child: { id: childId, state: 'stuck' }, error: { code: 'CHILD_STUCK' } });
  const { summary, options, next } = await app.operator.explain(id);
  expect(summary).toContain(`step "pay" waits for saga ${childId}, which is stuck`);
  expect(options.map(({ call }) => call)).toContain(`sagas.compensate('${childId}')`);
  expect(next[0]?.inMs).toBeNull();
  app.bank.frozen.clear();
  await app.sagas.compensate(childId, { reason: 'thawed', actor: 'ann' });
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'before compensated', 'pay failed']);
});

test('a saga whose undo waits for a stuck one says so, and ends when somebody has helped', async () => {
  const app = await bootBank();
  app.bank.frozen.add('to');
  const { id } = await app.sagas.start('order', [before, pay, refuse]);
  const { childId: linkedId } = await app.signal('child.stuck', ({ sagaId }) => sagaId === id);
  const saga = await app.sagas.get(id);
  expect(states(saga)).toEqual(['compensating', 'before completed', 'pay compensating', 'refuse failed']);
  expect(saga.steps[1]?.error?.code).toBe('CHILD_STUCK');
  expect((await app.operator.explain(id)).summary).toContain(`the undo of step "pay" waits for saga ${linkedId}, which is stuck`);
  app.bank.frozen.clear();
  await app.sagas.compensate(linkedId);
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'before compensated', 'pay compensated', 'refuse failed']);
});

const level = (name: string, steps: ChildSaga['steps']): ChildSaga => ({ name, steps });
const nested = level('outer', [{ name: 'middle', saga: level('middle', [pay]) }]);

test('sagas run sagas that run sagas', async () => {
  const app = await bootBank();
  const { id } = await app.sagas.start('order', [{ name: 'outer', saga: nested }]);
  const saga = await app.sagas.waitFor(id);
  expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', { account: 'to', amount: 2 }]);
  expect((await app.sagas.list()).map(({ name, state }) => [name, state])).toEqual([
    ['payment', 'completed'],
    ['middle', 'completed'],
    ['outer', 'completed'],
    ['order', 'completed'],
  ]);
});

test('what a saga three levels down did is undone once, under its own keys, whoever turns back above it', async () => {
  const app = await bootBank();
  const { id } = await app.sagas.start('order', [{ name: 'outer', saga: nested }, refuse]);
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'outer compensated', 'refuse failed']);
  const all = await app.sagas.list();
  const done = all.find(({ name, state }) => name === 'payment' && state === 'completed');
  expect(app.bank.books.filter((line) => line.startsWith('refund')).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
    `refund to ${done?.id}:balance:action`,
    `refund from ${done?.id}:deposit:action`,
  ]);
  expect(all.map(({ name, state }) => `${name} ${state}`).sort()).toEqual([
    'middle compensated',
    'middle completed',
    'order compensated',
    'outer compensated',
    'outer completed',
    'payment compensated',
    'payment completed',
  ]);
});

@SagaDefinition({ name: 'refund_by_class', deadlineMs: 60_000 })
@Injectable()
class ByClass {
  @SagaStep('only') only(input: { amount: number }) {
    return { doubled: input.amount * 2 };
  }
}

test('the saga of a step may be a class, or made by defineSaga(), at any depth', async () => {
  const app = await bootBank({ providers: [ByClass] });
  const made = defineSaga<{ amount: number }>('made').step('charge', {
    action: 'bank.charge',
    input: ({ context }) => ({ account: 'made', amount: context.amount }),
  });
  const inner = level('inner', [{ name: 'by_class', saga: ByClass, context: { amount: 21 } }]);
  const { id } = await app.sagas.start('order', [
    [
      { name: 'made', saga: made, context: { amount: 3 } },
      { name: 'inner', saga: inner },
    ],
  ]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.steps.map(({ output }) => output)).toEqual([{ account: 'made', amount: 3 }, { doubled: 42 }]);
});

const chargeSteps = (account: string): StepList => [
  { name: 'deposit', action: 'bank.charge', input: { account, amount: 1 } },
  { name: 'balance', action: 'bank.charge', input: { account: ref('deposit', 'account'), amount: 2 } },
];

test('functions that return steps are used as they are, and one list twice under names of its own', async () => {
  const app = await bootBank();
  const steps = [...chargeSteps('ann'), ...fragment('bob', chargeSteps('bob')), ...fragment('cid', chargeSteps('cid'))];
  const { id } = await app.sagas.start('order', [...steps, { name: 'last', action: 'bank.charge', input: ref('bob.balance') }]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  expect(saga.steps.map(({ name, output }) => `${name} ${(output as { account: string }).account}`)).toEqual([
    ...['deposit ann', 'balance ann', 'bob.deposit bob', 'bob.balance bob', 'cid.deposit cid', 'cid.balance cid', 'last bob'],
  ]);
});

test('sagas within sagas need neither PostgreSQL nor RabbitMQ', async () => {
  const app = await bootBank({ options: { store: inMemoryStore(), transport: inProcessTransport() } });
  const over = [
    { account: 'x', amount: 1 },
    { account: 'y', amount: 1 },
    { account: 'z', amount: 1 },
  ];
  const each = { name: 'each', map: { over, action: 'bank.charge', limit: 2 } };
  const { id } = await app.sagas.start('order', [{ name: 'outer', saga: nested }, each, refuse]);
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'outer compensated', 'each compensated', 'refuse failed']);
  const refunded = app.bank.books.filter((line) => line.startsWith('refund')).map((line) => line.split(' ')[2]);
  const charged = app.bank.books.filter((line) => line.startsWith('charge')).map((line) => line.split(' ')[2]);
  expect([...refunded].sort()).toEqual([...charged].sort());
  expect(charged).toHaveLength(5);
});

test('a saga that does not end by its own deadline turns back, and its step fails', async () => {
  const app = await bootBank();
  const hold = app.bank.hold('to');
  const { id } = await app.sagas.start('order', [{ ...pay, saga: { ...payment, deadlineMs: 200 } }]);
  await hold.reached;
  await app.signal('operation.waiting', ({ sagaId }) => sagaId === id);
  const { child } = (await app.sagas.get(id)).steps[0] ?? {};
  await until(async () => (await app.sagas.get(child?.id ?? '')).state === 'compensating');
  hold.release();
  const saga = await app.sagas.waitFor(id);
  expect(states(saga)).toEqual(['failed', 'pay failed']);
  expect(saga.cause).toMatchObject({ error: { message: expect.stringContaining('its deadline passed') as unknown } });
});

test('everything that is wrong with a saga within a saga is said before anything is stored', async () => {
  const app = await bootBank();
  const wrong = level('payment', [
    { name: 'deposit', action: 'bank.charg' },
    { name: 'balance', saga: level('deeper', [{ name: 'x', action: 'bank.refuse', input: ref('deposit') }]) },
  ]);
  await expect(app.sagas.start('order', [{ name: 'pay', saga: wrong }])).rejects.toMatchObject({
    problems: [
      `step "pay" > step "balance" > step "x": refers to the output of "deposit", which is not a step of this saga`,
      `step "pay" > step "deposit": no process has a handler for action "bank.charg": add @SagaStep('bank.charg') to a provider (did you mean "bank.charge"?)`,
    ],
  });
  expect(await app.sagas.list()).toEqual([]);
});

test("the keys under which steps start sagas are nobody else's", async () => {
  const app = await bootBank();
  await expect(app.sagas.start('payment', payment.steps, {}, { businessKey: 'nest-saga:01:pay' })).rejects.toThrow(
    `options at "/businessKey": keys that begin with "nest-saga:" are the engine's own`,
  );
});

@Injectable()
class OnlySteps {
  @SagaStep('only.step') step() {
    return null;
  }
  @SagaStep('only.refuse') refuse() {
    throw new Error('as asked');
  }
}

test('a process without compensations of its own still undoes the steps that run sagas', async () => {
  const app = await bootSagaApp({ providers: [OnlySteps], options: { dispatch: 'broker' } });
  const saga = { name: 'child', steps: [{ name: 'step', action: 'only.step' }] };
  const { id } = await app.sagas.start('order', [
    { name: 'run', saga },
    { name: 'refuse', action: 'only.refuse' },
  ]);
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'run compensated', 'refuse failed']);
  const sent = app.signals.filter((signal) => signal.type === 'wake-up.sent' && signal.operation.direction === 'undo');
  expect(sent).toMatchObject([{ result: 'sent' }]);
});

test('a saga that another may still have to undo cannot be deleted', async () => {
  const app = await bootBank();
  const hold = app.bank.hold('before');
  const { id } = await app.sagas.start('order', [{ name: 'outer', saga: nested }, before]);
  await hold.reached;
  const done = (await app.sagas.list({ name: 'payment' }))[0]?.id ?? '';
  const refusal = await app.sagas.delete(done).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(SagaActiveError);
  expect(refusal).toMatchObject({ sagaId: done, partOf: id, state: 'started' });
  hold.release();
  await app.sagas.waitFor(id);
  await app.sagas.delete(done);
  expect(await app.sagas.find(done)).toBeNull();
});

const slow = level('slow', [{ name: 'slow', action: 'slow', input: { ms: 1 } }]);

test('an attempt that is made again, because its process died, finds the saga that it had started', async () => {
  const site = await WorkerSite.open();
  const worker = new SupervisedWorker(site.worker({}, 'exit', { type: 'saga.started', name: 'slow' }));
  try {
    await worker.isAtWork();
    const { id } = await site.app.sagas.start('order', [
      { name: 'run', saga: slow },
      { name: 'end', action: 'refuse' },
    ]);
    expect(states(await site.app.sagas.waitFor(id, { timeoutMs: 90_000 }))).toEqual(['compensated', 'run compensated', 'end failed']);
    // Once when the saga of the step had started, and once when the one that undoes it had.
    expect(worker.deaths.map(({ signal }) => signal)).toEqual(['SIGKILL', 'SIGKILL']);
    expect((await site.app.sagas.history(id)).filter(({ kind }) => kind === 'lease-expired')).toHaveLength(2);
    expect(await site.calls('slow')).toHaveLength(1);
    expect(await site.calls('undo.slow')).toHaveLength(1);
    expect((await site.app.sagas.list({ name: 'slow' })).map(({ state }) => state)).toEqual(['compensated', 'completed']);
  } finally {
    await worker.dismiss();
  }
}, 120_000);

test('a saga that is to begin only after its step was undone never begins', async () => {
  const namespace = freshName();
  let begin = (): void => undefined;
  const late = new Promise<void>((resolve) => (begin = resolve));
  let starts = 0;
  let ended = 0;
  const store = withFaultPoints(typeOrmStore({ schema: namespace, autoMigrate: true }), async (point) => {
    if (point === 'start.after') ended++;
    if (point === 'start.before' && ++starts === 2) await late; // the first is that of the saga above
  });
  const app = await bootBank({ namespace, options: { store, defaults: { timeoutMs: 200 } } });
  const { id } = await app.sagas.start('order', [before, pay]);
  await app.signal('operation.lost', ({ sagaId }) => sagaId === id);
  await app.operator.cancel(id);
  expect(states(await app.sagas.waitFor(id))).toEqual(['compensated', 'before compensated', 'pay compensated']);
  const endedBefore = ended;
  begin();
  await until(() => ended > endedBefore);
  expect((await app.sagas.list({ name: 'payment' })).map(states)).toEqual([['failed', 'deposit skipped', 'balance skipped']]);
  expect(app.bank.books.filter((line) => line.startsWith('charge'))).toHaveLength(1);
});

test('when the process dies in which a saga ended, the one above it goes on all the same', async () => {
  const site = await WorkerSite.open();
  const worker = new SupervisedWorker(site.worker({}, 'exit', { type: 'operation.completed', key: 'slow' }));
  try {
    await worker.isAtWork();
    const { id } = await site.app.sagas.start('order', [{ name: 'run', saga: slow }]);
    expect(states(await site.app.sagas.waitFor(id, { timeoutMs: 90_000 }))).toEqual(['completed', 'run completed']);
    expect(worker.deaths).toEqual([{ code: null, signal: 'SIGKILL' }]);
    expect(await site.calls('slow')).toHaveLength(1);
    const ends = await Promise.all(
      [id, (await childOf(site.app, await site.app.sagas.get(id), 'run')).id].map((one) => site.app.sagas.get(one)),
    );
    expect(ends[0]?.completedAt?.getTime()).toBeGreaterThan(ends[1]?.completedAt?.getTime() ?? Infinity);
  } finally {
    await worker.dismiss();
  }
}, 120_000);

/** Waits until it is so; a test that waits for ever fails by its timeout. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve));
}
