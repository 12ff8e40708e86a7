import { describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, defineSaga, SagaDefinition, SagaStep, type CompensationContext, type StepContext, type StepList } from '../index';
import { explore, SagaExplorationError, type ExploreOptions, type FaultName } from './index';

/** A participant that does a thing once for each key, and leaves a mark for an action that comes after its undo. */
class Books {
  readonly entries = new Map<string, 'done' | 'undone'>();

  do(key: string): void {
    if (!this.entries.has(key)) this.entries.set(key, 'done');
  }

  undo(key: string): void {
    this.entries.set(key, 'undone');
  }

  get done(): number {
    return [...this.entries.values()].filter((entry) => entry === 'done').length;
  }
}

@SagaDefinition({ name: 'order' })
@Injectable()
class OrderSaga {
  declare readonly $input: { readonly amount: number };
  constructor(private readonly books: Books) {}

  @SagaStep('reserve') async reserve(_input: unknown, ctx: StepContext) {
    this.books.do(ctx.idempotencyKey);
  }
  @Compensate('reserve') async release(_output: unknown, ctx: CompensationContext) {
    this.books.undo(ctx.actionIdempotencyKey);
  }
  @SagaStep('charge', { retry: { attempts: 2 } }) async charge(_input: unknown, ctx: StepContext) {
    this.books.do(ctx.idempotencyKey);
  }
  @Compensate('charge') async refund(_output: unknown, ctx: CompensationContext) {
    this.books.undo(ctx.actionIdempotencyKey);
  }
}

const right =
  (more: Partial<ExploreOptions<typeof OrderSaga>> = {}) =>
  (): ExploreOptions<typeof OrderSaga> => {
    const books = new Books();
    return {
      providers: [OrderSaga, { provide: Books, useValue: books }],
      saga: OrderSaga,
      input: { amount: 7 },
      invariant: ({ saga }) => expect(books.done).toBe(saga.isCompleted ? 2 : 0),
      ...more,
    };
  };

const KEYS = ['reserve', 'charge'];
const STEPS: StepList = KEYS.map((key) => ({ name: key, action: key, compensation: `undo.${key}` }));

/** The same saga as functions, with something wrong in one of its compensations. */
const wrong =
  (undo: (books: Books, output: unknown, ctx: CompensationContext) => void, more: Partial<ExploreOptions> = {}) =>
  (): ExploreOptions => {
    const books = new Books();
    const run = (_input: unknown, ctx: StepContext): string => {
      books.do(ctx.idempotencyKey);
      return ctx.idempotencyKey;
    };
    return {
      handlers: {
        actions: { reserve: run, charge: run },
        compensations: {
          'undo.reserve': (_output, ctx) => books.undo(ctx.actionIdempotencyKey),
          'undo.charge': (output, ctx) => undo(books, output, ctx),
        },
      },
      saga: { name: 'order', steps: STEPS },
      invariant: ({ saga }) => {
        if (books.done !== (saga.isCompleted ? 2 : 0)) throw new Error(`${books.done} things are done, and the saga is ${saga.state}`);
      },
      ...more,
    };
  };

async function found(options: () => ExploreOptions): Promise<SagaExplorationError> {
  const error: unknown = await explore(options).catch((thrown: unknown) => thrown);
  if (error instanceof SagaExplorationError) return error;
  throw new Error(`nothing was found: ${String(error)}`);
}

describe('explore', () => {
  it('lets every step and every compensation go wrong in every way, and finds nothing wrong with a saga that is right', async () => {
    const { cases, summary } = await explore(right());
    const names = cases.map(({ name }) => name);
    expect(summary).toBe('28 cases: 9 completed, 1 failed, 18 compensated');
    expect(new Set(names).size).toBe(28);
    const ofStep = ['fails', 'times out before', 'times out after', 'crashes before', 'crashes after', 'runs twice', 'comes late'];
    expect(names).toEqual(expect.arrayContaining(ofStep.flatMap((fault) => KEYS.map((step) => `${step} ${fault}`))));
    expect(names).toContain('charge fails once'); // only it is tried again
    expect(names).not.toContain('reserve fails once');
    const ofUndo = ['fails once', 'times out before', 'times out after', 'crashes before', 'crashes after', 'runs twice'];
    for (const step of KEYS)
      for (const fault of ofUndo) expect(names.filter((name) => name.endsWith(` + undo ${step} ${fault}`))).toHaveLength(1);
  });

  it('finds the compensation that does nothing, and says where, with its timeline and how to see it again', async () => {
    const error = await found(wrong(() => undefined));
    expect(error.message).toBe(
      `charge times out after: 1 things are done, and the saga is compensated

       +0 ms  reserve       completed
       +0 ms  charge        says nothing, after it has done what it does
  +70,000 ms  charge        given up: STEP_TIMEOUT no outcome within 60000 ms
  +70,000 ms                the saga is compensating
  +70,000 ms  undo charge   completed
  +70,000 ms  undo reserve  completed
  +70,000 ms                the saga is compensated

To see this case alone: explore({ …, only: 'charge times out after' }), or in a test of its own:
  kit.step('charge').timesOut('after');`,
    );
    expect(error.cause).toMatchObject({ message: '1 things are done, and the saga is compensated' });
  });

  it('finds the compensation that needs an output which it does not get', async () => {
    const error = await found(wrong((books, output) => books.undo(String(output))));
    expect(error.caseName).toBe('charge times out after');
  });

  it('finds the compensation that throws when nobody knows what was done', async () => {
    const error = await found(
      wrong((books, output, ctx) => {
        if (output === undefined) throw new Error('no output');
        books.undo(ctx.actionIdempotencyKey);
      }),
    );
    expect(error.caseName).toBe('charge times out before');
    expect(error.message).toMatch(/^charge times out before: the saga is stuck: .*charge/);
  });

  it('finds the compensation that leaves no mark for what comes late', async () => {
    const error = await found(
      wrong((books, _output, ctx) => {
        if (ctx.round === 1 && books.entries.has(ctx.actionIdempotencyKey)) books.undo(ctx.actionIdempotencyKey);
      }),
    );
    expect(error.caseName).toBe('charge comes late');
  });

  it('runs one case alone, by the name that the report gave', async () => {
    const error = await found(wrong(() => undefined, { only: 'charge times out after' }));
    expect(error.caseName).toBe('charge times out after');
    const one = await explore(wrong(() => undefined, { only: 'charge fails + undo reserve crashes after' }));
    expect(one.cases).toEqual([{ name: 'charge fails + undo reserve crashes after', state: 'compensated' }]);
  });

  it('runs only the faults that are asked for', async () => {
    const { cases } = await explore(right({ faults: ['fails', 'runs twice'] }));
    expect(cases.map(({ name }) => name)).toEqual([
      'nothing goes wrong',
      'reserve fails',
      'charge fails',
      'reserve runs twice',
      'charge runs twice',
      'charge fails + undo reserve runs twice',
    ]);
  });

  it('lets two things go wrong in one case when it is asked to', async () => {
    const faults: readonly FaultName[] = ['fails', 'crashes after'];
    const { cases } = await explore(right({ faults, depth: 2 }));
    const names = cases.map(({ name }) => name);
    expect(names).toContain('charge crashes after + reserve crashes after');
    expect(names).toContain('charge fails + reserve crashes after');
    expect(new Set(names).size).toBe(names.length);
    expect(cases.find(({ name }) => name === 'charge fails + reserve crashes after')?.state).toBe('compensated');
  });

  it('does what a saga waits for, in the cases in which it waits', async () => {
    const calls: string[] = [];
    const saga = defineSaga<{ readonly n: number }>('approval')
      .step('ask', { action: 'ask', compensation: null })
      .step('act', { action: 'act', compensation: null });
    const { summary } = await explore({
      handlers: { actions: { ask: (_input, ctx) => ctx.suspend(), act: () => 'acted' } },
      saga,
      input: { n: 1 },
      faults: ['fails', 'crashes before'],
      during: async (run, kit) => {
        await run.until('waiting');
        calls.push(run.id);
        await kit.operator.resolveStep(run.id, 'ask', { status: 'completed', output: 'yes' }, { actor: 'the boss' });
      },
      invariant: ({ saga: { steps } }) => expect(['yes', null]).toContain(steps[0]?.output),
    });
    expect(summary).toBe('5 cases: 3 completed, 2 failed');
    expect(calls).toHaveLength(4);
  });

  it('explores the steps of the sagas that a step runs, and those of each item of a map', async () => {
    const { cases } = await explore(() => {
      const books = new Set<string>();
      return {
        handlers: {
          actions: { put: { retry: { attempts: 2 }, run: (_input, ctx) => void books.add(ctx.idempotencyKey) } },
          compensations: { 'put.undo': { for: 'put', run: (_output, ctx) => void books.delete(ctx.actionIdempotencyKey) } },
        },
        saga: {
          name: 'parent',
          steps: [
            { name: 'kid', saga: { name: 'child', steps: [{ name: 'below', action: 'put' }] } },
            { name: 'each', map: { over: ['a', 'b'], action: 'put', limit: 1 } },
          ],
        },
        input: {},
        invariant: ({ saga }) => books.size === (saga.isCompleted ? 3 : 0),
      };
    });
    const names = cases.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['below fails once', 'item_0002 crashes after']));
    expect(names).toContainEqual(expect.stringMatching(/ \+ undo below runs twice$/));
  });

  it('takes an invariant that is false for one that does not hold', async () => {
    await expect(explore(right({ invariant: () => false }))).rejects.toThrow(
      'nothing goes wrong: the saga is completed, and the invariant does not hold',
    );
  });

  it.each([
    ['a misspelt field', { invarient: () => true }, /there is no option "invarient" \(did you mean "invariant"\?\)/],
    ['no invariant', { invariant: undefined }, /invariant must be a function/],
    ['a fault that is none', { faults: ['explodes'] }, /there is no fault 'explodes'/],
    ['a depth that is none', { depth: 3 }, /depth must be 1 or 2/],
    ['a case that is none', { only: 'charge explodes' }, /"only" must be the name of a case/],
    ['a case of a step that is none', { only: 'chrage fails' }, /no step "chrage" \(did you mean "charge"\?\)/],
  ])('refuses %s', async (_what, more, message) => {
    await expect(explore(right(more as never))).rejects.toThrow(message);
  });
});
