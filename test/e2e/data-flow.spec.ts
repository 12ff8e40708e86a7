import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  contextRef,
  defineSaga,
  ref,
  SagaStep,
  typeOrmStore,
  type CompensationContext,
  type StepContext,
  type StepList,
} from 'nest-saga';
import { withFaultPoints } from 'nest-saga/testing';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';
import { ledgerApp } from './transactional-app';

afterEach(closeApps);

@Injectable()
class Flow {
  readonly seen: unknown[] = [];
  private failures = 0;
  beside: Promise<void> = Promise.resolve();

  @SagaStep('flow.give') give(input: unknown) {
    return input;
  }
  @SagaStep('flow.skip') skip(_input: unknown, ctx: StepContext) {
    return ctx.skip('not today');
  }
  @SagaStep('flow.wait') async wait() {
    await this.beside;
    return 'beside';
  }
  @SagaStep('flow.look', { retry: { attempts: 2, backoff: 'fixed', baseMs: 1 } })
  async look(input: unknown, ctx: StepContext) {
    this.seen.push({ input, context: ctx.saga.context, outputs: await ctx.outputs() });
    return this.seen.length;
  }
  @Compensate('flow.unlook', { for: 'flow.look' }) async unlook(_output: unknown, ctx: CompensationContext) {
    this.seen.push({ undo: ctx.saga.context, outputs: await ctx.outputs() });
  }
  @SagaStep('flow.set') set(input: object, ctx: StepContext) {
    ctx.setContext(input);
  }
  @SagaStep('flow.set-then-fail', { retry: { attempts: 3, backoff: 'fixed', baseMs: 1 } }) setThenFail(_input: unknown, ctx: StepContext) {
    const { tries = 0 } = ctx.saga.context as { tries?: number };
    ctx.setContext({ tries: tries + 1, [`attempt${ctx.attempt}`]: true });
    if (this.failures++ < 2) throw new Error('not yet');
  }
  @SagaStep('flow.fail') fail() {
    throw new Error('no');
  }
}

const seenBy = (app: SagaApp) => app.context.get(Flow).seen;
const run = async (app: SagaApp, steps: StepList, context: object = {}) =>
  app.sagas.waitFor((await app.sagas.start('flow', steps, context)).id);

describe('ctx.outputs()', () => {
  it('holds what the steps have returned that this one comes after, by name: no sibling, nothing that was skipped', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    let letGo = (): void => undefined;
    app.context.get(Flow).beside = new Promise((resolve) => (letGo = resolve));
    const { id } = await app.sagas.start('flow', [
      { name: 'first', action: 'flow.give', input: { n: 1 } },
      { name: 'nothing', action: 'flow.give', input: null },
      { name: 'skipped', action: 'flow.skip' },
      [
        { name: 'look', action: 'flow.look' },
        { name: 'wait', action: 'flow.wait' },
      ],
      { name: 'look_again', action: 'flow.look' },
    ]);
    await app.signal('operation.completed', ({ key }) => key === 'flow.look');
    letGo();
    await app.sagas.waitFor(id);
    expect(seenBy(app)).toEqual([
      { input: null, context: {}, outputs: { first: { n: 1 }, nothing: null } },
      { input: null, context: {}, outputs: { first: { n: 1 }, nothing: null, look: 1, wait: 'beside' } },
    ]);
  });

  it('is the same for the undo, whatever was undone before it', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    await run(app, [
      { name: 'first', action: 'flow.give', input: 1 },
      { name: 'look', action: 'flow.look' },
      { name: 'then', action: 'flow.look' },
      { name: 'fail', action: 'flow.fail' },
    ]);
    expect(seenBy(app).slice(2)).toEqual([
      { undo: {}, outputs: { first: 1, look: 1 } },
      { undo: {}, outputs: { first: 1 } },
    ]);
  });

  it('costs a read only where it is used', async () => {
    const namespace = freshName();
    const reads: string[] = [];
    const store = withFaultPoints(typeOrmStore({ schema: namespace, autoMigrate: true }), (name) => {
      if (name === 'outputs.before') reads.push(name);
    });
    const app = await bootSagaApp({ providers: [Flow], namespace, options: { store } });
    await run(app, [
      { name: 'first', action: 'flow.give', input: 1 },
      { name: 'second', action: 'flow.give', input: ref('first') },
    ]);
    expect(reads).toHaveLength(0);
    await run(app, [
      { name: 'first', action: 'flow.give', input: 1 },
      { name: 'look', action: 'flow.look' },
    ]);
    expect(reads).toHaveLength(1);
    await run(app, [{ name: 'look', action: 'flow.look' }]); // it comes after nothing
    expect(reads).toHaveLength(1);
  });
});

describe('ctx.setContext()', () => {
  it('is seen by later handlers and by undos; references still mean the context that was given', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const saga = await run(
      app,
      [
        { name: 'set', action: 'flow.set', input: { total: 3 } },
        { name: 'look', action: 'flow.look', input: contextRef('total') },
        { name: 'fail', action: 'flow.fail' },
      ],
      { customer: 7, total: 0 },
    );
    expect(seenBy(app)).toEqual([
      { input: 0, context: { customer: 7, total: 3 }, outputs: { set: null } },
      { undo: { customer: 7, total: 3 }, outputs: { set: null } },
    ]);
    expect(saga.context).toEqual({ customer: 7, total: 3 });
  });

  it('counts once, by the attempt that ended well', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const saga = await run(app, [{ name: 'set', action: 'flow.set-then-fail' }], {});
    expect(saga.state).toBe('completed');
    expect(saga.context).toEqual({ tries: 1, attempt3: true });
  });

  it('of steps side by side counts for each', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const names = Array.from({ length: 8 }, (_, n) => `set${n}`);
    const saga = await run(app, [names.map((name) => ({ name, action: 'flow.set', input: { [name]: true } }))]);
    expect(saga.context).toEqual(Object.fromEntries(names.map((name) => [name, true])));
  });

  it('of a transactional step commits with what it writes, or not at all', async () => {
    let attempts = 0;
    const app = await ledgerApp({
      work: async (ctx) => {
        ctx.setContext({ [`attempt${++attempts}`]: true });
        await app.ledger.book(ctx);
        if (attempts === 1) throw new Error('not yet');
      },
    });
    const { id } = await app.sagas.start('book', [
      { name: 'book', action: 'ledger.book', retry: { attempts: 2, backoff: 'fixed', baseMs: 1 } },
    ]);
    expect((await app.sagas.waitFor(id)).context).toEqual({ attempt2: true });
    expect(await app.rows()).toHaveLength(1);
  });
});

describe('a reference with a default', () => {
  it('takes it when the step was skipped, or returned no such thing; a null that is there is a value', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const saga = await run(
      app,
      [
        { name: 'skipped', action: 'flow.skip' },
        { name: 'given', action: 'flow.give', input: { none: null } },
        {
          name: 'end',
          action: 'flow.give',
          input: {
            amount: ref('skipped', 'amount').or(0),
            list: [ref('given', 'gone').or(['a'])],
            none: ref('given', 'none').or('never'),
            of: contextRef('gone').or(null),
          },
        },
      ],
      {},
    );
    expect(saga.steps.at(-1)?.output).toEqual({ amount: 0, list: [['a']], none: null, of: null });
  });

  it('is written with or() where a saga is defined step by step', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const saga = defineSaga<{ readonly amount: number }>('typed')
      .step('discount', { action: 'flow.give', input: { percent: 5 }, when: { path: 'context.amount', above: 100 } })
      .step('end', {
        action: 'flow.give',
        input: ({ outputs, context, or }) => ({ whole: or(outputs.discount, 'none'), amount: context.amount }),
      });
    expect((await app.sagas.execute(saga, { amount: 50 })).steps.at(-1)?.output).toEqual({ whole: 'none', amount: 50 });
    expect((await app.sagas.execute(saga, { amount: 500 })).steps.at(-1)?.output).toEqual({ whole: { percent: 5 }, amount: 500 });
  });

  it('without one the step fails before its handler is called, and says what is missing', async () => {
    const app = await bootSagaApp({ providers: [Flow] });
    const saga = await run(app, [
      { name: 'skipped', action: 'flow.skip' },
      { name: 'look', action: 'flow.look', input: { a: ref('skipped', 'amount') } },
    ]);
    expect(saga.steps[1]?.error).toEqual({
      code: 'SAGA_REFERENCE',
      message: 'the input at "/a" refers to "/amount" in the output of "skipped", which does not exist; say with .or(…) what is taken then',
    });
    expect(seenBy(app)).toEqual([]);
  });
});

@Injectable()
class Spoiler {
  readonly seen: unknown[] = [];

  @SagaStep('spoil') spoil(input: { readonly list: number[] }, { saga }: StepContext) {
    this.seen.push(structuredClone([input, saga.context, saga.metadata]));
    input.list.push(9);
    (saga.context as { tags: string[] }).tags.push('spoilt');
    (saga.metadata as { by?: string }).by = 'spoilt';
    return { list: input.list };
  }
}

describe('Steps that run one after the other in one process', () => {
  it('are each given values of their own: what one changes the next does not see', async () => {
    const app = await bootSagaApp({ providers: [Spoiler] });
    const list = ref('a', 'list');
    const steps = [
      { name: 'a', action: 'spoil', input: { list: [1] } },
      { name: 'b', action: 'spoil', input: { list } },
      { name: 'c', action: 'spoil', input: { list } },
    ];
    const { id } = await app.sagas.start('s', steps, { tags: ['given'] }, { metadata: { by: 'me' } });
    const { context, metadata } = await app.sagas.waitFor(id);
    expect(app.signals.filter(({ type }) => type === 'wake-up.sent')).toEqual([]); // they were chained
    const others = [{ tags: ['given'] }, { by: 'me' }];
    expect(app.context.get(Spoiler).seen).toEqual([
      [{ list: [1] }, ...others],
      [{ list: [1, 9] }, ...others],
      [{ list: [1, 9] }, ...others],
    ]);
    expect([context, metadata]).toEqual(others);
  });
});
