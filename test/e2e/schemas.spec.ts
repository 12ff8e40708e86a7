import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type } from 'arktype';
import { Compensate, defineSaga, ref, SagaDefinition, SagaStep, type CompensationContext, type StandardSchemaV1 } from 'nest-saga';
import * as v from 'valibot';
import { z } from 'zod';
import { bootSagaApp, closeApps, type SagaApp } from './saga-app';
import { ledgerApp } from './transactional-app';

afterEach(closeApps);

/** The same demand, `{ amount: a number of at least 1 }`, in three libraries. */
const LIBRARIES: readonly (readonly [string, StandardSchemaV1<{ amount: number }>])[] = [
  ['zod', z.object({ amount: z.number().min(1) })],
  ['valibot', v.object({ amount: v.pipe(v.number(), v.minValue(1)) })],
  ['arktype', type({ amount: 'number >= 1' })],
];

const rejection = async (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error('it was expected to reject')),
    (error: unknown) => error as Error & { path: string; reason: string; others: readonly { path: string }[] },
  );

describe.each(LIBRARIES)('a schema of %s', (_name, schema) => {
  @Injectable()
  class Payments {
    readonly calls: unknown[] = [];
    returned: unknown = { amount: 1 };

    @SagaStep('pay', { schema: { input: schema, output: schema }, retry: { attempts: 5, backoff: 'fixed', baseMs: 1 } })
    pay(input: unknown) {
      this.calls.push(input);
      return this.returned;
    }
    @Compensate('repay', { for: 'pay' }) repay(output: unknown, ctx: CompensationContext) {
      this.calls.push(`repay ${JSON.stringify(output)} ${ctx.outcome}`);
    }
  }
  @SagaDefinition({ name: 'schema_saga', schema })
  @Injectable()
  class SchemaSaga {
    declare readonly $input: { readonly amount: number };
    @SagaStep('pay', { use: 'pay' }) pay(): void {}
  }
  const boot = () => bootSagaApp({ providers: [Payments, SchemaSaga] });
  const paymentsOf = (app: SagaApp) => app.context.get(Payments);

  it('lets what fits through: at the start, into the handler, and out of it', async () => {
    const app = await boot();
    const saga = await app.sagas.execute(SchemaSaga, { amount: 5 });
    expect(paymentsOf(app).calls).toEqual([{ amount: 5 }]);
    expect(saga.steps[0]?.output).toEqual({ amount: 1 });
  });

  it('refuses the input of a saga at its start, naming the place, and nothing is stored', async () => {
    const app = await boot();
    const error = await rejection(app.sagas.start(SchemaSaga, { amount: 0 }));
    expect(error).toMatchObject({ code: 'SAGA_INPUT', path: '/amount' });
    expect(error.message).toMatch(/^input of saga "schema_saga" at "\/amount": ./);
    expect(await app.sagas.list()).toEqual([]);
  });

  it('fails a step whose input does not fit, at once and without calling its handler', async () => {
    const app = await boot();
    const { id } = await app.sagas.start('s', [{ name: 'pay', action: 'pay', input: { amount: 'much' } }]);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps[0]?.error?.code]).toEqual(['failed', 'SAGA_SCHEMA_INPUT']);
    expect(saga.steps[0]?.error?.message).toMatch(/^the input of "pay" does not fit its schema: at "\/amount": ./);
    expect(paymentsOf(app).calls).toEqual([]);
  });

  it('takes an output that does not fit for an unknown outcome: the handler has run, and is undone', async () => {
    const app = await boot();
    paymentsOf(app).returned = { amount: -1 };
    const { id } = await app.sagas.start('s', [{ name: 'pay', action: 'pay', input: { amount: 5 } }]);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps[0]?.output]).toEqual(['compensated', null]);
    expect(saga.cause).toMatchObject({ kind: 'step-failed', outcome: 'unknown', error: { code: 'SAGA_SCHEMA_OUTPUT' } });
    expect(paymentsOf(app).calls).toEqual([{ amount: 5 }, 'repay undefined unknown']);
  });
});

describe('a schema that transforms', () => {
  const Order = z.object({ amount: z.string().transform(Number), note: z.string().default('none') });
  const Late = z.object({ n: z.number() }).refine(async ({ n }) => Promise.resolve(n < 10), { message: 'too large', path: ['n'] });

  @Injectable()
  class Steps {
    readonly seen: unknown[] = [];
    @SagaStep('look', { schema: { input: z.object({ at: z.coerce.date() }), output: z.object({ n: z.number() }) } }) look(input: {
      readonly at: Date;
    }) {
      this.seen.push(input.at);
      return { n: 1, secret: 'is not part of the schema' };
    }
    @SagaStep('late', { schema: { input: Late } }) late(input: unknown) {
      this.seen.push(input);
    }
    @SagaStep('give') give(input: unknown) {
      return input;
    }
    @SagaStep('finish', { schema: { output: z.object({ n: z.number() }) } }) finish(
      input: { readonly how: string },
      ctx: { skip(why: string): object; finish(output: unknown): object },
    ) {
      if (input.how === 'skip') return ctx.skip('as asked');
      return ctx.finish({ n: input.how === 'well' ? 1 : 'one' });
    }
  }

  it('gives the handler what it made, and stores what it made of the output', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const { id } = await app.sagas.start('s', [
      { name: 'look', action: 'look', input: { at: '2026-01-02T03:04:05.000Z' } },
      { name: 'give', action: 'give', input: ref('look') },
    ]);
    const saga = await app.sagas.waitFor(id);
    expect(app.context.get(Steps).seen).toEqual([new Date('2026-01-02T03:04:05.000Z')]);
    expect(saga.steps.map(({ output }) => output)).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it('of a saga defined step by step: the context is what it made, with its types', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const order = defineSaga('typed', { context: Order }).step('give', {
      action: 'give',
      input: ({ context }) => {
        const amount: number = context.amount; // what the schema returns …
        return { amount, note: context.note };
      },
    });
    const saga = await app.sagas.execute(order, { amount: '42' }); // … and what it takes
    expect(saga.context).toEqual({ amount: 42, note: 'none' });
    expect(saga.steps[0]?.output).toEqual({ amount: 42, note: 'none' });
    // @ts-expect-error -- the schema takes a text
    await expect(app.sagas.start(order, { amount: 42 })).rejects.toMatchObject({ path: '/amount' });
  });

  it('makes two starts equal by what it made', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const order = defineSaga('typed', { context: Order }).step('give', { action: 'give' });
    const first = await app.sagas.start(order, { amount: '1' }, { businessKey: 'k' });
    expect(await app.sagas.start(order, { amount: '1.0', note: 'none' }, { businessKey: 'k' })).toMatchObject({
      id: first.id,
      created: false,
    });
  });

  it('may take its time', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const start = async (n: number) => app.sagas.waitFor((await app.sagas.start('s', [{ name: 'late', action: 'late', input: { n } }])).id);
    expect((await start(5)).state).toBe('completed');
    expect((await start(50)).steps[0]?.error).toEqual({
      code: 'SAGA_SCHEMA_INPUT',
      message: 'the input of "late" does not fit its schema: at "/n": too large',
    });
    const saga = defineSaga('late', { context: Late }).step('give', { action: 'give' });
    await expect(app.sagas.start(saga, { n: 50 })).rejects.toMatchObject({ code: 'SAGA_INPUT', path: '/n', reason: 'too large' });
  });

  it('that throws has said nothing of a handler that did not run, and leaves one that did unknown', async () => {
    const broken: StandardSchemaV1 = {
      '~standard': {
        ...{ version: 1, vendor: 'test' },
        validate: () => {
          throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
        },
      },
    };
    @Injectable()
    class Broken {
      @SagaStep('broken.in', { schema: { input: broken } }) in() {}
      @SagaStep('broken.out', { schema: { output: broken } }) out() {}
    }
    const app = await bootSagaApp({ providers: [Broken] });
    const run = async (action: string) => app.sagas.waitFor((await app.sagas.start('s', [{ name: 'a', action }])).id);
    expect((await run('broken.in')).steps[0]).toMatchObject({ status: 'failed', error: { code: 'SAGA_SCHEMA_INPUT' } });
    expect((await run('broken.out')).steps[0]).toMatchObject({ status: 'unknown', error: { code: 'SAGA_SCHEMA_OUTPUT' } });
  });

  it('names everything that is wrong with an input at once', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const saga = defineSaga('many', { context: z.object({ a: z.number(), 'b/c': z.array(z.string()) }) }).step('give', { action: 'give' });
    const error = await rejection(app.sagas.start(saga, { a: 'x', 'b/c': ['ok', 5] } as never));
    expect([error.path, error.others.map(({ path }) => path)]).toEqual(['/a', ['/b~1c/1']]);
    expect(error.message).toContain('; at "/b~1c/1": ');
  });

  it('looks at an output that ends the saga, and leaves a step alone that says it has none', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const run = async (how: string) =>
      app.sagas.waitFor((await app.sagas.start('s', [{ name: 'f', action: 'finish', input: { how } }])).id);
    expect((await run('skip')).steps[0]?.status).toBe('skipped');
    expect((await run('well')).steps[0]?.output).toEqual({ n: 1 });
    expect((await run('badly')).steps[0]).toMatchObject({ status: 'unknown', error: { code: 'SAGA_SCHEMA_OUTPUT' } });
  });

  it('rolls back a transactional step whose output does not fit', async () => {
    @Injectable()
    class Booking {
      @SagaStep('strict.book', { transactional: true, schema: { output: z.object({ id: z.number() }) } })
      async book(input: { readonly table: string }, ctx: { readonly manager: { query(sql: string): Promise<unknown> } }) {
        await ctx.manager.query(`INSERT INTO ${input.table} (key, amount) VALUES ('strict', 1)`);
        return { id: 'no number' };
      }
    }
    const app = await ledgerApp({ more: [Booking] });
    const { id } = await app.sagas.start('s', [{ name: 'book', action: 'strict.book', input: { table: app.ledger.table } }]);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps[0]?.status, saga.steps[0]?.error?.code]).toEqual(['failed', 'failed', 'SAGA_SCHEMA_OUTPUT']);
    expect(await app.rows()).toEqual([]);
  });
});

it('what is no schema is refused at boot, with its place', async () => {
  @Injectable()
  class Odd {
    @SagaStep('a', { schema: { input: { type: 'object' } as never, output: z.string() } }) a() {}
    @SagaStep('b', { schema: { outputs: z.string() } as never }) b() {}
    @SagaStep('c', { schema: z.string() as never }) c() {}
  }
  @SagaDefinition({ name: 'odd', schema: 'no' as never })
  @Injectable()
  class OddSaga {
    @SagaStep('use', { use: 'x', schema: { input: z.string() } }) use() {}
  }
  const error = await rejection(bootSagaApp({ providers: [Odd, OddSaga] }));
  expect((error as unknown as { problems: readonly string[] }).problems).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^@SagaStep on Odd\.a: schema\.input must be a schema of a library that follows standardschema\.dev/),
      '@SagaStep on Odd.b: schema: there is no option "outputs" (did you mean "output"?)',
      expect.stringMatching(/^@SagaStep on Odd\.c: schema: there is no option/),
      expect.stringMatching(/^@SagaDefinition OddSaga: schema must be a schema/),
      '@SagaDefinition OddSaga: step "use" borrows "x", which says itself what it takes; remove "schema"',
    ]),
  );
});
