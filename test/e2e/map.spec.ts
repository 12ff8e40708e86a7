import { afterEach, expect, test } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, contextRef, ref, SagaStep, StepError, type CompensationContext, type Saga, type StepContext } from 'nest-saga';
import { bootSagaApp, closeApps, type AppSetup, type SagaApp } from './saga-app';

afterEach(closeApps);

@Injectable()
class Depot {
  running = 0;
  most = 0;
  readonly shipped: string[] = [];
  readonly returned: string[] = [];
  broken: number | null = null;
  gate: Promise<void> = Promise.resolve();

  @SagaStep('depot.list') list(input: { count: number }) {
    return { parcels: Array.from({ length: input.count }, (_, n) => ({ n: n + 1 })) };
  }
  @SagaStep('depot.ship') async ship({ n }: { n: number }, ctx: StepContext) {
    this.most = Math.max(this.most, ++this.running);
    await this.gate;
    await new Promise((resolve) => setImmediate(resolve));
    this.running--;
    if (n === this.broken) throw new StepError({ code: 'BROKEN', message: `parcel ${n} is broken`, retryable: false });
    this.shipped.push(ctx.idempotencyKey);
    return { n, of: ctx.step.name, depot: (ctx.saga.context as { depot?: string }).depot };
  }
  @Compensate('depot.return', { for: 'depot.ship' }) takeBack({ n }: { n: number }, ctx: CompensationContext) {
    this.returned.push(`${n} ${ctx.actionIdempotencyKey}`);
  }
  @SagaStep('depot.refuse') refuse() {
    throw new StepError({ code: 'REFUSED', message: 'as asked', retryable: false });
  }
}

async function bootDepot(setup: AppSetup = {}): Promise<SagaApp & { readonly depot: Depot }> {
  const app = await bootSagaApp({ ...setup, providers: [Depot] });
  return { ...app, depot: app.context.get(Depot) };
}

const list = (count: number) => ({ name: 'list', action: 'depot.list', compensation: null, input: { count } });
const ship = { name: 'ship', map: { over: ref('list', 'parcels'), action: 'depot.ship' } };
const refuse = { name: 'refuse', action: 'depot.refuse', compensation: null };
const stepStates = (saga: Saga): readonly string[] => [saga.state, ...saga.steps.map(({ name, status }) => `${name} ${status}`)];

test('one action runs for each item of a list that an earlier step has made, and their outputs come in its order', async () => {
  const app = await bootDepot();
  const last = { name: 'last', action: 'depot.ship', input: ref('ship', '2') };
  const { id } = await app.sagas.start('delivery', [list(12), ship, last], { depot: 'Kiel' });
  const saga = await app.sagas.waitFor(id);
  expect(stepStates(saga)).toEqual(['completed', 'list completed', 'ship completed', 'last completed']);
  const place = (n: number): string => String(n).padStart(4, '0');
  const outputs = Array.from({ length: 12 }, (_, n) => ({ n: n + 1, of: `item_${place(n + 1)}`, depot: 'Kiel' }));
  expect(saga.steps[1]?.output).toEqual(outputs);
  expect(saga.steps[2]?.output).toEqual({ n: 3, of: 'last', depot: 'Kiel' });
  const [child] = await app.sagas.list({ parent: id });
  expect([child?.name, child?.steps.length]).toEqual(['delivery.ship', 12]);
});

test('no more items run at a time than the limit says, and as many as that do', async () => {
  const app = await bootDepot({ options: { workers: { steps: 20 } } });
  let open = (): void => undefined;
  app.depot.gate = new Promise((resolve) => (open = resolve));
  const over = Array.from({ length: 30 }, (_, n) => ({ n }));
  const { id } = await app.sagas.start('delivery', [{ name: 'ship', map: { over, action: 'depot.ship', limit: 3 } }]);
  await app.signal('operation.claimed', ({ key }) => key === 'depot.ship' && app.depot.running === 2); // two run, and this is the third
  open();
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  expect(app.depot.most).toBe(3);
  expect((saga.steps[0]?.output as readonly { n: number }[]).map(({ n }) => n)).toEqual(over.map(({ n }) => n));
});

test('when one item fails, those that were done are undone, and the saga turns back', async () => {
  const app = await bootDepot();
  app.depot.broken = 3;
  const { id } = await app.sagas.start('delivery', [list(5), { ...ship, map: { ...ship.map, limit: 1 } }]);
  const saga = await app.sagas.waitFor(id);
  expect(stepStates(saga)).toEqual(['failed', 'list completed', 'ship failed']);
  expect(saga.cause).toMatchObject({ error: { code: 'CHILD_FAILED', message: expect.stringContaining('parcel 3 is broken') as unknown } });
  const child = saga.steps[1]?.child?.id ?? '';
  expect(app.depot.returned).toEqual([`2 ${child}:item_0002:action`, `1 ${child}:item_0001:action`]);
  const items = (await app.sagas.get(child)).steps.map(({ name, status }) => `${name} ${status}`);
  expect(items).toEqual(['item_0001 compensated', 'item_0002 compensated', 'item_0003 failed', 'item_0004 skipped', 'item_0005 skipped']);
});

test('when a later step fails, every item is undone under the key that it was done under', async () => {
  const app = await bootDepot();
  const { id } = await app.sagas.start('delivery', [list(4), ship, refuse]);
  const saga = await app.sagas.waitFor(id);
  expect(stepStates(saga)).toEqual(['compensated', 'list completed', 'ship compensated', 'refuse failed']);
  expect(app.depot.returned.map((line) => line.split(' ')[1]).sort()).toEqual([...app.depot.shipped].sort());
  expect(app.depot.shipped).toHaveLength(4);
});

test('cancelling the saga ends its map: what has not begun never begins', async () => {
  const app = await bootDepot();
  let open = (): void => undefined;
  app.depot.gate = new Promise((resolve) => (open = resolve));
  const { id } = await app.sagas.start('delivery', [list(6), { ...ship, map: { ...ship.map, limit: 2 } }]);
  await app.signal('operation.claimed', ({ key }) => key === 'depot.ship');
  await app.operator.cancel(id);
  await app.signal('operation.waiting', ({ operation, sagaId }) => sagaId === id && operation.direction === 'undo');
  open();
  const saga = await app.sagas.waitFor(id);
  expect(stepStates(saga)).toEqual(['compensated', 'list completed', 'ship compensated']);
  expect(app.depot.shipped.length).toBeLessThanOrEqual(2);
  expect(app.depot.returned).toHaveLength(app.depot.shipped.length);
});

test('an empty list completes at once, and there is nothing to undo', async () => {
  const app = await bootDepot();
  const { id } = await app.sagas.start('delivery', [list(0), ship, refuse]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.steps[1]).toMatchObject({ status: 'compensated', output: [], child: null });
  expect(await app.sagas.list({ parent: id })).toEqual([]);
});

test('what is no list fails with a word that says so, before any item has begun', async () => {
  const app = await bootDepot();
  const over = contextRef('parcels');
  const { id } = await app.sagas.start('delivery', [{ name: 'ship', map: { over, action: 'depot.ship' } }], { parcels: 'many' });
  expect((await app.sagas.waitFor(id)).cause).toMatchObject({
    error: { code: 'MAP_LIST', message: 'map.over must be an array, or refer to one, not "many"' },
  });
  const wide = await app.sagas.start('wide', [list(10_001), ship], {});
  expect((await app.sagas.waitFor(wide.id)).cause).toMatchObject({
    error: { code: 'MAP_LIST', message: 'map.over has 10001 items, more than 10000' },
  });
  expect(app.depot.shipped).toEqual([]);
});

test('what is wrong with a map is said at once', async () => {
  const app = await bootDepot();
  const wrong = [
    { name: 'a', map: { over: 7, action: 'depot.ship', limit: 0 } },
    { name: 'b', map: { over: [], action: 'depot.shi', limits: 3 } },
    { name: 'c', map: { over: [], action: 'depot.shi' } },
  ];
  await expect(app.sagas.start('delivery', wrong as never)).rejects.toMatchObject({
    problems: [
      'step "a": map.over must be an array, or refer to one, not a value of type number',
      'step "a": map.limit must be a whole number from 1 to 10,000',
      'step "b": map: there is no option "limits" (did you mean "limit"?)',
    ],
  });
  await expect(app.sagas.start('delivery', [wrong[2]] as never)).rejects.toMatchObject({
    problems: [expect.stringContaining('step "c" > step "item": no process has a handler for action "depot.shi"') as unknown],
  });
});
