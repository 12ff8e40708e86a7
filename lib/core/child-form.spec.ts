import { describe, expect, it } from '@jest/globals';
import { SagaPlanError } from '../errors';
import { catalogOf, type HandlerDeclaration } from './handler-declaration';
import { planOfMap } from './map-plan';
import { namedKeys } from './named-keys';
import { CHILD, MAP, OWN_ACTIONS } from './own-actions';
import { compilePlan, type PlanDefaults } from './plan-compiler';
import { dependentsOf } from './plan';
import { contextRef, ref } from './reference';
import type { StepList } from './step-spec';

const policy = { timeoutMs: 60_000, retry: null, losses: 5 };
const defaults: PlanDefaults = {
  ...{ action: policy, undo: policy, verify: policy },
  ...{ onStuck: 'halt', unknownKeys: 'refuse', limits: { maxBytes: 10_000 } },
};
const known = (direction: 'action' | 'undo', key: string, undoes: string | null = null): HandlerDeclaration => {
  return { direction, key, undoes, policy: {} };
};
const catalog = catalogOf([...OWN_ACTIONS, known('action', 'charge'), known('undo', 'refund', 'charge')]);
const compiled = (list: StepList) => compilePlan('order', list, catalog, defaults);

function problemsOf(list: unknown): readonly string[] {
  try {
    compiled(list as StepList);
  } catch (error) {
    if (error instanceof SagaPlanError) return error.problems;
    throw error;
  }
  return [];
}

class Order {
  declare readonly $input: unknown;
}

const charge = { name: 'charge', action: 'charge', input: { amount: contextRef('amount') } };
const payment = { name: 'payment', steps: [charge, { ...charge, name: 'again', input: ref('charge') }] };

describe('a step that runs another saga', () => {
  it('holds the plan of that saga, and carries its inputs beside the context', () => {
    const { plan, inputs } = compiled([
      { name: 'first', action: 'charge' },
      { name: 'pay', saga: { ...payment, deadlineMs: 9, onStuck: 'continue' }, context: { amount: ref('first') } },
    ]);
    const [, pay] = plan.steps;
    expect(pay).toMatchObject({ action: CHILD, compensation: CHILD, dependsOn: [0] });
    expect(pay?.child).toMatchObject({
      name: 'payment',
      onStuck: 'continue',
      steps: [{ name: 'charge', compensation: 'refund' }, { dependsOn: [0] }],
    });
    expect(inputs[1]).toEqual({
      input: {
        context: { amount: null },
        deadlineMs: 9,
        steps: [
          { input: { amount: null }, references: [{ at: ['amount'], step: null, path: ['amount'] }] },
          { input: null, references: [{ at: [], step: 0, path: [] }] },
        ],
      },
      references: [{ at: ['context', 'amount'], step: 0, path: [] }],
    });
    expect(JSON.stringify(plan)).not.toContain('amount');
  });

  it('is never one with its neighbour of another plan: the plan says what it runs', () => {
    const other = { ...payment, steps: [charge] };
    expect(compiled([{ name: 'pay', saga: payment }]).plan).not.toEqual(compiled([{ name: 'pay', saga: other }]).plan);
  });

  it('names everything that is wrong, with the way to it', () => {
    const wrong = {
      name: 'payment',
      steps: [
        { ...charge, action: 'chrge' },
        { name: 'deep', saga: { name: 'no name', steps: [] } },
      ],
    };
    expect(
      problemsOf([
        { name: 'pay', saga: wrong },
        { name: 'x', action: 'nobody' },
      ]),
    ).toEqual([
      `step "pay" > step "deep" > the saga's name "no name" is not a valid name (a letter, then up to 127 letters, digits, "_", "." or "-")`,
      'step "pay" > step "deep" > it has no steps; pass an array of { name, action, … }',
      `step "pay" > step "charge": no process has a handler for action "chrge": add @SagaStep('chrge') to a provider (did you mean "charge"?)`,
      `step "x": no process has a handler for action "nobody": add @SagaStep('nobody') to a provider`,
    ]);
  });

  it.each([
    [{ saga: 7 }, 'saga must be { name, steps }, what defineSaga() made or a @SagaDefinition class, not a value of type number'],
    [{ saga: Order }, 'saga is the class Order, which only SagaService.start() and execute() can look up'],
    [{ saga: { ...payment, stps: [] } }, 'saga: there is no option "stps" (did you mean "steps"?)'],
    [{ saga: { ...payment, deadlineMs: 0 } }, 'saga.deadlineMs must be a number of milliseconds above 0'],
    [{ saga: { ...payment, onStuck: 'stop' } }, "saga.onStuck must be 'halt' or 'continue'"],
    [{ saga: payment, contxt: {} }, 'unknown field "contxt" (did you mean "context"?)'],
    [{ saga: payment, compensation: 'refund' }, 'unknown field "compensation"'],
  ])('refuses %o', (fields, problem) => {
    expect(problemsOf([{ name: 'pay', ...fields }])).toEqual([`step "pay": ${problem}`]);
  });

  it('may run sagas eight deep, and one that runs itself is refused', () => {
    let deep: { name: string; steps: StepList } = payment;
    for (let level = 0; level < 7; level++) deep = { name: `level${level}`, steps: [{ name: 'down', saga: deep }] };
    expect(compiled([{ name: 'down', saga: deep }]).plan.steps).toHaveLength(1);
    expect(problemsOf([{ name: 'down', saga: { name: 'one', steps: [{ name: 'down', saga: deep }] } }])[0]).toMatch(
      /^(step "down" > ){9}saga "payment" is more than 8 sagas deep; does one of them run itself\?$/,
    );
    const self = { name: 'self', steps: [] as unknown[] };
    self.steps.push({ name: 'a', saga: self }, { name: 'b', saga: self });
    expect(problemsOf([{ name: 'self', saga: self }]).join()).toContain('does one of them run itself?');
  });

  it('counts the steps of all of them', () => {
    const wide = { name: 'wide', steps: Array.from({ length: 200 }, (_, n) => ({ ...charge, name: `s${n}` })) };
    const wider = Array.from({ length: 60 }, (_, n) => ({ name: `w${n}`, saga: wide }));
    expect(problemsOf(wider)).toContain('step "w49" > with the sagas in it, it has more than 10000 steps');
  });
});

describe('a step that runs one action for each item of a list', () => {
  const map = { over: contextRef('items'), action: 'charge' };

  it('is planned as a saga of one step, with the undo that is declared for the action', () => {
    const { plan, inputs } = compiled([{ name: 'each', map: { ...map, retry: { attempts: 3 } } }]);
    expect(plan.steps[0]).toMatchObject({ action: MAP, compensation: CHILD, child: { name: 'order.each' } });
    expect(plan.steps[0]?.child?.steps).toMatchObject([{ name: 'item', compensation: 'refund', actionPolicy: { retry: { attempts: 3 } } }]);
    expect(inputs[0]).toMatchObject({ input: { over: null, limit: 10 }, references: [{ at: ['over'], path: ['items'] }] });
  });

  it('goes through the list in as many lanes as its limit says', () => {
    const template = compiled([{ name: 'each', map }]).plan.steps[0]?.child;
    const { name, steps } = planOfMap(template ?? { format: 1, name: '', steps: [] }, 5, 2);
    expect([name, ...steps.map((step) => [step.name, step.dependsOn])]).toEqual([
      'order.each',
      ...[
        ['item_0001', []],
        ['item_0002', []],
        ['item_0003', [0]],
        ['item_0004', [1]],
        ['item_0005', [2]],
      ],
    ]);
    expect(dependentsOf({ format: 1, name, steps }, 0)).toEqual([2]);
  });
});

describe('the handlers that steps name', () => {
  it('are found in groups, in sagas and in maps', () => {
    const list = [
      [{ name: 'a', action: 'one', compensation: 'undo.one' }, null, 7],
      { name: 'b', saga: { name: 'x', steps: [{ name: 'c', action: 'two', compensation: null }] } },
      { name: 'e', sleepMs: 1, when: 'four' },
      { name: 'd', map: { over: [], action: 'three', compensation: 'undo.three' } },
    ];
    expect(namedKeys(list)).toEqual({ actions: ['one', 'two', 'three'], undos: ['undo.one', 'undo.three'], conditions: ['four'] });
  });

  it('are looked for no further than a plan may reach', () => {
    const self = { name: 'self', action: 'again', steps: [] as unknown[] };
    self.steps.push({ name: 'a', saga: self }, { name: 'b', saga: self, action: 'b' });
    expect(namedKeys([{ saga: self }]).actions).toEqual(['b']);
    expect(namedKeys(new Array(4_000_000_000)).actions).toEqual([]);
  });
});
