import { afterEach, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Compensate,
  SagaDefinition,
  SagaEvents,
  SagaStep,
  type CompensationContext,
  type StepContext,
  type TransactionalStepContext,
} from '../index';
import { SagaTestKit, type SagaTestKitOptions } from './index';

/** What the outside world has of the sagas under test. */
class Shop {
  readonly orders = new Map<string, string>();
  readonly charges = new Map<string, number>();
}

@SagaDefinition({ name: 'order' })
@Injectable()
class OrderSaga {
  declare readonly $input: { readonly amount: number };
  constructor(private readonly shop: Shop) {}

  @SagaStep('create_order')
  async create(_input: unknown, ctx: StepContext) {
    this.shop.orders.set(ctx.idempotencyKey, 'open');
    return { orderId: ctx.idempotencyKey };
  }

  @Compensate('create_order')
  async undoCreate(_output: unknown, ctx: CompensationContext) {
    this.shop.orders.set(ctx.actionIdempotencyKey, 'cancelled');
  }

  @SagaStep('charge', { retry: { attempts: 3, backoff: 'fixed', baseMs: 900_000, maxMs: 900_000 } })
  async charge(input: { readonly amount: number }, ctx: StepContext) {
    this.shop.charges.set(ctx.idempotencyKey, input.amount);
    return { transaction: ctx.idempotencyKey };
  }

  @Compensate('charge')
  async refund(_output: unknown, ctx: CompensationContext) {
    this.shop.charges.set(ctx.actionIdempotencyKey, 0);
  }

  @SagaStep('ship')
  async ship() {
    return 'shipped';
  }
}

class Database {
  rows: number[] = [];

  async transaction<T>(work: (manager: { insert(row: number): void }) => Promise<T>): Promise<T> {
    const written: number[] = [];
    const result = await work({ insert: (row) => void written.push(row) });
    this.rows = [...this.rows, ...written];
    return result;
  }
}

@Injectable()
class Ledger {
  @SagaStep('ledger.book', { transactional: true })
  async book(input: { readonly amount: number }, ctx: TransactionalStepContext<unknown, { insert(row: number): void }>) {
    ctx.manager.insert(input.amount);
  }
}

const kits: SagaTestKit[] = [];
afterEach(async () => {
  await Promise.all(kits.splice(0).map((kit) => kit.close()));
});

async function kitWith(options: SagaTestKitOptions = { providers: [OrderSaga, Shop] }): Promise<SagaTestKit> {
  const kit = await SagaTestKit.create(options);
  kits.push(kit);
  return kit;
}

describe('the test kit', () => {
  it('runs a saga of the application with its own providers, and says what its handlers were called with', async () => {
    const shop = new Shop();
    const kit = await kitWith({ providers: [OrderSaga, { provide: Shop, useValue: shop }] });
    const saga = await kit.run(OrderSaga, { amount: 7 });
    expect(saga.state).toBe('completed');
    expect([...shop.charges.values()]).toEqual([7]);
    expect(kit.effects.map(({ step, direction, input, attempt, outcome }) => [step, direction, input, attempt, outcome])).toEqual([
      ['create_order', 'action', { amount: 7 }, 1, 'returned'],
      ['charge', 'action', { amount: 7 }, 1, 'returned'],
      ['ship', 'action', { amount: 7 }, 1, 'returned'],
    ]);
    expect(kit.effects[1]?.idempotencyKey).toBe(`${saga.id}:charge:action`);
    expect(kit.effects[1]?.output).toEqual({ transaction: `${saga.id}:charge:action` });
  });

  it('makes a timeline that is the same at every run', async () => {
    const timelines = [];
    for (let run = 0; run < 2; run++) {
      const kit = await kitWith();
      kit.step('charge').fails(new Error('busy')).times(1);
      kit.step('ship').fails();
      const saga = await kit.run(OrderSaga, { amount: 7 });
      timelines.push(await kit.timeline(saga.id));
    }
    expect(timelines[0]).toBe(
      [
        '      +0 ms  create_order       completed',
        '      +0 ms  charge             failed: Error busy',
        '+900,000 ms  charge             completed at attempt 2',
        '+900,000 ms  ship               failed: INJECTED made to fail by the test',
        '+900,000 ms                     the saga is compensating',
        '+900,000 ms  undo charge        completed',
        '+900,000 ms  undo create_order  completed',
        '+900,000 ms                     the saga is compensated',
      ].join('\n'),
    );
    expect(timelines[1]).toBe(timelines[0]);
  });

  it('gives the sagas of kits with one seed the same ids, and those of other seeds others', async () => {
    const ids = [];
    for (const seed of [1, 1, 2])
      ids.push((await (await kitWith({ providers: [OrderSaga, Shop], seed })).run(OrderSaga, { amount: 1 })).id);
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });

  it('runs functions in place of handlers, and beside them, without any provider', async () => {
    const kit = await kitWith({
      providers: [OrderSaga, Shop],
      handlers: { actions: { 'order.charge': (input) => ({ stubbed: input }), 'mail.send': () => 'sent' } },
    });
    expect((await kit.run(OrderSaga, { amount: 7 })).steps[1]?.output).toEqual({ stubbed: { amount: 7 } });
    expect((await kit.run('mails', [{ name: 'send', action: 'mail.send' }])).steps[0]?.output).toBe('sent');
  });

  it('undoes with a function that is declared for an action', async () => {
    const undone: unknown[] = [];
    const kit = await kitWith({
      handlers: {
        actions: { book: () => ({ seat: 12 }), pay: (_input: { readonly amount: number }) => Promise.reject(new Error('no money')) },
        compensations: { cancel: { for: 'book', run: (output, { outcome }) => undone.push([output, outcome]) } },
      },
    });
    const saga = await kit.run('trip', [
      { name: 'book', action: 'book' },
      { name: 'pay', action: 'pay' },
    ]);
    expect(saga.state).toBe('compensated');
    expect(undone).toEqual([[{ seat: 12 }, 'completed']]);
  });

  it('lets a test make the application with @nestjs/testing', async () => {
    const shop = new Shop();
    const kit = await kitWith({
      providers: [OrderSaga, Shop],
      boot: (modules) => Test.createTestingModule(modules).overrideProvider(Shop).useValue(shop).compile(),
    });
    await kit.run(OrderSaga, { amount: 7 });
    expect(kit.get(Shop)).toBe(shop);
    expect(shop.orders.size).toBe(1);
  });

  it('waits for what handlers really await, and no time passes meanwhile', async () => {
    const kit = await kitWith({
      handlers: {
        actions: {
          read: async () => (await readFile(__filename, 'utf8')).length,
          turn: () => new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
        },
      },
    });
    const saga = await kit.run('io', [
      { name: 'read', action: 'read' },
      [
        { name: 'one', action: 'turn' },
        { name: 'two', action: 'turn' },
      ],
    ]);
    expect(saga.state).toBe('completed');
    expect(saga.completedAt).toEqual(saga.createdAt);
  });

  it('says which handler does not end, and what to do about it', async () => {
    const kit = await kitWith({ handlers: { actions: { hang: () => new Promise(() => undefined) } }, patienceMs: 50 });
    await expect(kit.run('s', [{ name: 'hanging', action: 'hang' }])).rejects.toThrow(
      /^hang \(hanging\) has not ended within 50 ms of real time; .*kit\.step\(…\)\.timesOut\(\)/,
    );
    kits.pop(); // its handler never ends, and so it would never close
  });

  it('runs code of the application that waits for sagas itself', async () => {
    const kit = await kitWith();
    kit.step('charge').fails(new Error('busy')).times(2);
    const saga = await kit.drive(kit.sagas.execute(OrderSaga, { amount: 7 }, { timeoutMs: 3_600_000 }));
    expect(saga.state).toBe('completed');
    kit.step('ship').fails();
    await expect(kit.drive(kit.sagas.execute(OrderSaga, { amount: 7 }))).rejects.toMatchObject({ code: 'SAGA_FAILED' });
  });

  it('stops where a test wants to look, and goes on from there', async () => {
    const kit = await kitWith();
    kit.step('charge').fails(new Error('busy')).times(1);
    const run = await kit.start(OrderSaga, { amount: 7 });
    const saga = await run.until('retrying');
    expect(saga.steps.map(({ status }) => status)).toEqual(['completed', 'retrying', 'pending']);
    await kit.sagas.compensate(run.id, { actor: 'the customer', reason: 'changed her mind' });
    expect((await run.end()).state).toBe('compensated');
    expect(await run.timeline()).toContain('compensate: changed her mind (the customer)');
  });

  it('says what a saga waits for that waits for ever, with its timeline', async () => {
    const kit = await kitWith({ handlers: { actions: { ask: (_input, ctx) => ctx.suspend() } } });
    await expect(kit.run('s', [{ name: 'approve', action: 'ask' }])).rejects.toThrow(
      /the saga has not ended, and nothing more happens by itself: .*approve[\s\S]*\+0 ms {2}approve {2}suspended/,
    );
  });

  it('says so when a saga that is paused will never go on', async () => {
    const kit = await kitWith();
    await kit.operator.pauseAction('order.charge', { reason: 'the bank is down', actor: 'me' });
    await expect(kit.run(OrderSaga, { amount: 7 })).rejects.toThrow(/nothing more happens by itself/);
  });

  it('gives what the application announces', async () => {
    const kit = await kitWith();
    await kit.get(SagaEvents).publish('order.placed', { orderId: 'o-1' });
    await kit.clock.advance(0);
    expect(kit.events.map(({ type, payload }) => [type, payload])).toEqual([['order.placed', { orderId: 'o-1' }]]);
  });

  it.each([
    ['a misspelt option', { provider: [] }, /there is no option "provider" \(did you mean "providers"\?\)/],
    ['a misspelt group of handlers', { handlers: { action: {} } }, /there is no option "action" \(did you mean "actions"\?\)/],
    ['a handler that is none', { handlers: { actions: { 'a.b': 'no' } } }, /"a\.b": must be a function/],
    ['a retry that cannot be', { handlers: { actions: { a: { run: () => 1, retry: { attempts: 0 } } } } }, /retry\.attempts must be/],
    ['a chance that is none', { chance: 1 }, /chance must be a number from 0 to less than 1/],
    ['a start that is no time', { startAt: new Date('never') }, /startAt must be a Date/],
  ])('refuses %s', async (_what, options, message) => {
    await expect(SagaTestKit.create(options as SagaTestKitOptions)).rejects.toThrow(message);
  });

  it('refuses a test that lets go wrong what no saga has', async () => {
    const kit = await kitWith();
    kit.step('chrage').fails();
    await expect(kit.run(OrderSaga, { amount: 7 })).rejects.toThrow('saga "order" has no step "chrage" (did you mean "charge"?)');
  });

  it('tells whoever has a transactional handler how to run it', async () => {
    await expect(SagaTestKit.create({ providers: [Ledger, Database] })).rejects.toThrow(/needs? its option "transaction"/);
  });

  it('runs transactional handlers in the transactions of the test, and rolls back what does not count', async () => {
    const database = new Database();
    const kit = await kitWith({
      providers: [Ledger, { provide: Database, useValue: database }],
      transaction: (work) => database.transaction(work),
    });
    kit.step('book').crashes('after');
    const saga = await kit.run('s', [{ name: 'book', action: 'ledger.book', input: { amount: 5 } }]);
    expect(saga.state).toBe('completed');
    expect(kit.effects).toHaveLength(2);
    expect(database.rows).toEqual([5]);
    kit.step('book').timesOut('after');
    const failed = await kit.run('s', [{ name: 'book', action: 'ledger.book', input: { amount: 6 } }]);
    expect(failed.state).toBe('failed');
    expect(failed.steps[0]?.status).toBe('failed'); // never unknown
    expect(database.rows).toEqual([5]);
  });
});
