import { describe, expect, it } from '@jest/globals';
import { SagaPlanError } from '../errors';
import { catalogOf, type HandlerDeclaration } from './handler-declaration';
import { compilePlan, type PlanDefaults } from './plan-compiler';
import { contextRef, ref } from './reference';
import type { RetryPolicy } from './retry-policy';
import type { StepList, StepSpec } from './step-spec';

const defaults: PlanDefaults = {
  action: { timeoutMs: 60_000, retry: null, losses: 5 },
  undo: { timeoutMs: 30_000, retry: { attempts: 20, backoff: 'exponential', baseMs: 1_000, maxMs: 60_000 }, losses: 5 },
  verify: { timeoutMs: 1_000, retry: null, losses: 5 },
  onStuck: 'halt',
  unknownKeys: 'refuse',
  limits: { maxBytes: 1_000 },
};

const handler = (direction: 'action' | 'undo', key: string, more: Partial<HandlerDeclaration> = {}): HandlerDeclaration => {
  return { direction, key, undoes: null, policy: {}, ...more };
};

const FIXED: RetryPolicy = { attempts: 4, backoff: 'fixed', baseMs: 100, maxMs: 100 };

const catalog = catalogOf([
  handler('action', 'orders.create', { policy: { timeoutMs: 5_000, retry: FIXED } }),
  handler('action', 'orders.check'),
  handler('action', 'payment.charge'),
  handler('undo', 'orders.delete', { undoes: 'orders.create', policy: { timeoutMs: 7_000 } }),
  handler('undo', 'payment.refund', { undoes: 'payment.charge' }),
  handler('undo', 'payment.cancel', { undoes: 'payment.charge' }),
]);

function compiled(list: StepList, over: Partial<PlanDefaults> = {}) {
  return compilePlan('order', list, catalog, { ...defaults, ...over });
}

function problemsOf(list: unknown, over: Partial<PlanDefaults> = {}, name: unknown = 'order'): readonly string[] {
  try {
    compilePlan(name as string, list as StepList, catalog, { ...defaults, ...over });
  } catch (error) {
    if (error instanceof SagaPlanError) return error.problems;
    throw error;
  }
  return [];
}

const step = (name: string, more: Partial<StepSpec> = {}): StepSpec => ({ name, action: 'orders.check', ...more });
const dependencies = (list: StepList): readonly (readonly number[])[] => compiled(list).plan.steps.map(({ dependsOn }) => dependsOn);

describe('the order of steps', () => {
  it('is the order in which they are written', () => {
    expect(dependencies([step('a'), step('b'), step('c')])).toEqual([[], [0], [1]]);
  });

  it('lets a group run in parallel, and what follows wait for all of it', () => {
    expect(dependencies([step('a'), [step('b'), step('c')], step('d')])).toEqual([[], [0], [0], [1, 2]]);
  });

  it('lets a group wait for the whole group before it', () => {
    expect(
      dependencies([
        [step('a'), step('b')],
        [step('c'), step('d')],
      ]),
    ).toEqual([[], [], [0, 1], [0, 1]]);
  });

  it('follows dependsOn where it is given, also to later steps, and an empty one waits for nothing', () => {
    expect(dependencies([step('a', { dependsOn: ['c', 'c'] }), step('b', { dependsOn: [] }), step('c', { dependsOn: ['b'] })])).toEqual([
      [2],
      [],
      [1],
    ]);
  });
});

describe('a step', () => {
  it('has the policies of its handlers, then the defaults', () => {
    const [made] = compiled([{ name: 'a', action: 'orders.create' }]).plan.steps;
    expect(made?.actionPolicy).toEqual({ timeoutMs: 5_000, retry: FIXED, losses: 5 });
    expect(made?.undoPolicy).toEqual({ ...defaults.undo, timeoutMs: 7_000 });
  });

  it('may say otherwise about its action; its undo keeps its own policy', () => {
    const retry: RetryPolicy = { attempts: 2, backoff: 'exponential', baseMs: 1, maxMs: 2 };
    const [made] = compiled([{ name: 'a', action: 'orders.create', timeoutMs: 1, retry }]).plan.steps;
    expect(made?.actionPolicy).toEqual({ timeoutMs: 1, retry, losses: 5 });
    expect(made?.undoPolicy.timeoutMs).toBe(7_000);
  });

  it('is undone by the compensation that is declared for its action', () => {
    expect(compiled([{ name: 'a', action: 'orders.create' }]).plan.steps[0]?.compensation).toBe('orders.delete');
  });

  it('is not undone when it says null', () => {
    expect(compiled([{ name: 'a', action: 'orders.create', compensation: null }]).plan.steps[0]?.compensation).toBeNull();
  });

  it('must name its compensation when several are declared for its action', () => {
    expect(problemsOf([{ name: 'a', action: 'payment.charge' }])).toEqual([
      'step "a": 2 compensations are declared for "payment.charge"; name one',
    ]);
    expect(compiled([{ name: 'a', action: 'payment.charge', compensation: 'payment.refund' }]).plan.steps[0]?.compensation).toBe(
      'payment.refund',
    );
  });
});

describe('the outcome of a step', () => {
  const asking = catalogOf([
    handler('action', 'pay', { policy: { onThrow: 'unknown', compensateOnFailure: true } }),
    handler('action', 'book', { policy: { transactional: true, onThrow: 'unknown' } }),
    handler('undo', 'unpay', { undoes: 'pay', policy: { onThrow: 'unknown' } }),
    { ...handler('action', 'pay'), direction: 'verify', policy: { timeoutMs: 5, retry: FIXED } },
  ]);
  const stepOf = (spec: Partial<StepSpec> = {}, over: Partial<PlanDefaults> = {}) =>
    compilePlan('order', [{ name: 'a', action: 'pay', ...spec }], asking, { ...defaults, ...over }).plan.steps[0];

  it('can be asked after when its action has a handler for that, by the policy of that handler', () => {
    expect(stepOf()?.verifyPolicy).toEqual({ timeoutMs: 5, retry: FIXED, losses: 5 });
    expect(stepOf({ action: 'book' })).not.toHaveProperty('verifyPolicy');
  });

  it('after a throw is what the step says, then its handler, then the module', () => {
    expect([stepOf()?.actionPolicy.onThrow, stepOf()?.undoPolicy.onThrow]).toEqual(['unknown', 'unknown']);
    expect(stepOf({ onThrow: 'failed' })?.actionPolicy).not.toHaveProperty('onThrow');
    const unknown = { ...defaults.action, onThrow: 'unknown' } as const;
    expect(compiled([step('a')], { action: unknown }).plan.steps[0]?.actionPolicy.onThrow).toBe('unknown');
    expect(compiled([step('a', { onThrow: 'failed' })], { action: unknown }).plan.steps[0]?.actionPolicy).not.toHaveProperty('onThrow');
  });

  it('is never unknown after a throw when the handler runs in the transaction of its outcome', () => {
    expect(stepOf({ action: 'book', onThrow: 'unknown' })?.actionPolicy).not.toHaveProperty('onThrow');
  });

  it('is undone after a failure when the step says so, else its handler', () => {
    expect(stepOf()?.compensateOnFailure).toBe(true);
    expect(stepOf({ compensateOnFailure: false })).not.toHaveProperty('compensateOnFailure');
    expect(compiled([step('a', { compensateOnFailure: true })]).plan.steps[0]?.compensateOnFailure).toBe(true);
  });

  it('is spoilt by options that mean nothing', () => {
    expect(problemsOf([step('a', { onThrow: 'maybe' as never, compensateOnFailure: 'yes' as never })])).toEqual([
      'step "a": compensateOnFailure must be true or false',
      `step "a": onThrow must be 'failed' or 'unknown'`,
    ]);
  });
});

describe('a stuck undo', () => {
  it('halts the others, unless the module or the start says otherwise', () => {
    const of = (over: Partial<PlanDefaults>, said?: 'halt' | 'continue') =>
      compilePlan('order', [step('a')], catalog, { ...defaults, ...over }, said).plan.onStuck;
    expect([of({}), of({}, 'continue'), of({ onStuck: 'continue' }), of({ onStuck: 'continue' }, 'halt')]).toEqual([
      undefined,
      'continue',
      'continue',
      undefined,
    ]);
  });
});

describe('undos at once', () => {
  it('are ten, unless the module or the start says otherwise; what is said of them is in the plan', () => {
    const of = (over: Partial<PlanDefaults>, said?: number) =>
      compilePlan('order', [step('a')], catalog, { ...defaults, ...over }, undefined, said).plan.undosAtOnce;
    expect([of({}), of({}, 3), of({ undosAtOnce: 2 }), of({ undosAtOnce: 2 }, 1)]).toEqual([undefined, 3, 2, 1]);
  });
});

describe('an unknown key', () => {
  it('is refused before anything starts, with what to add and what was probably meant', () => {
    expect(problemsOf([{ name: 'a', action: 'orders.crate', compensation: 'orders.delte' }])).toEqual([
      'step "a": no process has a handler for action "orders.crate": add @SagaStep(\'orders.crate\') to a provider (did you mean "orders.create"?)',
      'step "a": no process has a handler for compensation "orders.delte": add @Compensate(\'orders.delte\') to a provider (did you mean "orders.delete"?)',
    ]);
  });

  it('is not found among the keys of the other direction', () => {
    expect(problemsOf([{ name: 'a', action: 'orders.delete', compensation: 'orders.create' }])).toHaveLength(2);
  });

  it('is accepted, with the defaults, when the module says so', () => {
    const [made] = compiled([{ name: 'a', action: 'later.action', compensation: 'later.undo' }], { unknownKeys: 'warn' }).plan.steps;
    expect(made).toMatchObject({
      action: 'later.action',
      compensation: 'later.undo',
      actionPolicy: defaults.action,
      undoPolicy: defaults.undo,
    });
  });
});

describe('a plan that cannot run', () => {
  it.each([[undefined], [null], ['a'], [{}], [[]]])('%j has no steps', (list) => {
    expect(problemsOf(list)).toEqual([expect.stringContaining('it has no steps')]);
  });

  it.each([[null], [7], ['orders.create'], [undefined]])('has an element %j that is not a step', (element) => {
    expect(problemsOf([step('a'), element])).toEqual([expect.stringContaining('element 1 is')]);
  });

  it('has an empty group', () => {
    expect(problemsOf([step('a'), []])).toEqual(['element 1 is an empty group']);
  });

  it('has a group within a group', () => {
    expect(problemsOf([[[step('a')]]]).length).toBeGreaterThan(0);
  });

  it('has names that are no names', () => {
    const problems = problemsOf([{ name: '1', action: 'a b', compensation: 'x\n' }]);
    expect(problems).toEqual([
      expect.stringContaining('the name "1" is not a valid name (a letter'),
      expect.stringContaining('the action "a b" is not'),
      expect.stringContaining('the compensation "x?" is not'),
    ]);
  });

  it('has fields that nobody knows, and hears which ones were probably meant', () => {
    expect(problemsOf([{ ...step('a'), compensaton: null, depends_on: [] }])).toEqual([
      'step "a": unknown field "compensaton" (did you mean "compensation"?)',
      'step "a": unknown field "depends_on" (did you mean "dependsOn"?)',
    ]);
  });

  it('has two steps of one name', () => {
    expect(problemsOf([step('a'), step('a')])).toContain('two steps are called "a"');
  });

  it('waits for steps that it does not have', () => {
    expect(problemsOf([step('create'), step('b', { dependsOn: ['craete'] })])).toEqual([
      'step "b": depends on "craete", which is not a step of this saga (did you mean "create"?)',
    ]);
  });

  it.each([['a'], [[1]], [null], [{ 0: 'a' }]])('has a dependsOn %j that is no array of names', (dependsOn) => {
    expect(problemsOf([step('a'), { ...step('b'), dependsOn }])).toEqual(['step "b": dependsOn must be an array of step names']);
  });

  it('waits for itself in a circle', () => {
    expect(problemsOf([step('a', { dependsOn: ['c'] }), step('b'), step('c'), step('d', { dependsOn: [] })])).toEqual([
      'these steps wait for each other: "a", "b", "c"',
    ]);
    expect(problemsOf([step('a', { dependsOn: ['a'] })])).toEqual(['these steps wait for each other: "a"']);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '5', null])('has a timeout of %p', (timeoutMs) => {
    expect(problemsOf([{ ...step('a'), timeoutMs }])).toEqual(['step "a": timeoutMs must be a number above 0']);
  });

  it('has a retry policy that cannot be followed', () => {
    expect(problemsOf([step('a', { retry: { ...FIXED, attempts: 0, baseMs: -1 } })])).toHaveLength(2);
  });

  it.each([[null], [3], ['twice']])('has a retry policy %j that is none', (retry) => {
    expect(problemsOf([{ ...step('a'), retry }]).length).toBeGreaterThan(0);
  });

  it('has a retry policy with fields that nobody knows', () => {
    expect(problemsOf([{ ...step('a'), retry: { ...FIXED, jitter: false } }])).toEqual([expect.stringContaining('jitter')]);
  });

  it('has too many steps', () => {
    const many = [Array.from({ length: 10_001 }, (_, place) => step(`s${place}`))];
    expect(problemsOf(many)).toEqual(['10001 steps are more than 10000']);
  });

  it('is told everything that is wrong with it at once', () => {
    const problems = problemsOf([
      { name: 'a', action: 'orders.crate', input: { n: Number.NaN } },
      step('b', { dependsOn: ['x'], timeoutMs: -1 }),
      step('b', { input: ref('y') }),
    ]);
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining('orders.crate'),
        expect.stringContaining('/n'),
        expect.stringContaining('depends on "x"'),
        expect.stringContaining('timeoutMs'),
        expect.stringContaining('two steps are called "b"'),
        expect.stringContaining('the output of "y"'),
      ]),
    );
    expect(problems).toHaveLength(6);
  });

  it('is told everything at once, also when its name is none', () => {
    const problems = problemsOf([{ name: 'a', action: 'orders.crate' }], {}, 'my saga');
    expect(problems).toEqual([expect.stringContaining('"my saga"'), expect.stringContaining('orders.crate')]);
  });

  it('brings no control characters into the log', () => {
    expect(() => compilePlan('a\n\u001b[31mb', [step('a')], catalog, defaults)).toThrow(SagaPlanError);
    try {
      compilePlan('a\n\u001b[31mb\u0000', [step('a')], catalog, defaults);
    } catch (error) {
      expect((error as Error).message).not.toMatch(/\u001b|\u0000/);
    }
  });
});

describe('the input of a step', () => {
  it('is null when there is none', () => {
    expect(compiled([step('a')]).inputs).toEqual([{ input: null, references: [] }]);
  });

  it('is stored with its references beside it', () => {
    const { inputs } = compiled([step('a'), step('b', { input: { id: ref('a', 'order', 'id'), who: contextRef('customer'), n: 1 } })]);
    expect(inputs[1]).toEqual({
      input: { id: null, who: null, n: 1 },
      references: [
        { at: ['id'], step: 0, path: ['order', 'id'] },
        { at: ['who'], step: null, path: ['customer'] },
      ],
    });
  });

  it('may refer to any step that has completed by then, not only to the one before', () => {
    expect(problemsOf([step('a'), step('b'), step('c', { input: ref('a') })])).toEqual([]);
  });

  it('may not refer to a step that it does not wait for', () => {
    expect(problemsOf([[step('a'), step('b', { input: ref('a') })]])).toEqual([
      'step "b": refers to the output of "a", which may not have settled by then; put it in dependsOn',
    ]);
    expect(problemsOf([step('a', { input: ref('b') }), step('b')])).toHaveLength(1);
    expect(problemsOf([step('a', { input: ref('a') })])).toHaveLength(1);
  });

  it('may not refer to a step that does not exist', () => {
    expect(problemsOf([step('create'), step('b', { input: ref('craete') })])).toEqual([
      'step "b": refers to the output of "craete", which is not a step of this saga (did you mean "create"?)',
    ]);
  });

  it('must be storable, and is told where it is not', () => {
    expect(problemsOf([step('a', { input: { at: [new Map()] } })])).toEqual([expect.stringContaining('input of step "a" at "/at/0"')]);
  });

  it('must be storable however deep it is', () => {
    let input: unknown = 1;
    for (let level = 0; level < 100_000; level++) input = [input];
    expect(problemsOf([step('a', { input })])).toEqual([expect.stringContaining('64')]);
  });

  it('must not contain itself', () => {
    const input: Record<string, unknown> = {};
    input['self'] = input;
    expect(problemsOf([step('a', { input })])).toEqual([expect.stringContaining('the value contains itself')]);
  });

  it('must be small enough', () => {
    expect(problemsOf([step('a', { input: 'x'.repeat(1_000) })])).toEqual([expect.stringContaining('more than the 1000')]);
  });

  it.each([
    ['a NUL', '\u0000'],
    ['half of a surrogate pair', '\ud83d'],
    ['a number', 3],
  ])('may not refer to a path with %s in it', (_what, key) => {
    expect(problemsOf([step('a'), step('b', { input: ref('a', key as string) })])).toHaveLength(1);
  });
});
