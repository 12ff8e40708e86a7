import { describe, expect, it } from '@jest/globals';
import { type SagaPlanError } from '../errors';
import type { ConditionSpec } from './condition-spec';
import { evaluate, type Verdict } from './evaluate-condition';
import { catalogOf } from './handler-declaration';
import type { Json } from './json';
import { compilePlan, type CompiledPlan, type PlanDefaults } from './plan-compiler';
import { contextRef, ref } from './reference';
import type { StepList } from './step-spec';

const policy = { timeoutMs: 1_000, retry: null, losses: 5 };
const defaults: PlanDefaults = {
  ...{ action: policy, undo: policy, verify: policy },
  ...({ onStuck: 'halt', unknownKeys: 'refuse' } as const),
  limits: { maxBytes: 10_000 },
};
const catalog = catalogOf([
  { direction: 'action', key: 'x', undoes: null, policy: {} },
  { direction: 'condition', key: 'payment.required', undoes: null, policy: {} },
]);

/** The condition stands on the last of three steps; the second is called `b.c`, the third comes after both. */
const stepsWith = (when: unknown): StepList =>
  [
    { name: 'a', action: 'x' },
    { name: 'b.c', action: 'x' },
    { name: 'last', action: 'x', when },
    { name: 'later', action: 'x' },
  ] as StepList;
const compiled = (when: unknown): CompiledPlan => compilePlan('s', stepsWith(when), catalog, defaults);
const problemsOf = (when: unknown): readonly string[] => {
  try {
    compiled(when);
    return [];
  } catch (error) {
    return (error as SagaPlanError).problems;
  }
};

interface Given {
  readonly context?: Json;
  readonly outputs?: Readonly<Record<number, Json>>;
}
const decided = (when: ConditionSpec, { context = {}, outputs = {} }: Given): Verdict => {
  const { plan } = compiled(when);
  const condition = plan.steps[2]?.when;
  if (condition === undefined) throw new Error('the plan has no condition');
  return evaluate(condition, plan, {
    context,
    outputs: new Map(Object.entries(outputs).map(([place, output]) => [Number(place), output])),
  });
};

describe('a condition as data', () => {
  const context = { approved: false, amount: 50, country: 'AT', when: '2026-03-01', nothing: null, items: [1, 2], deep: { a: [{ b: 1 }] } };

  it.each<[string, ConditionSpec, boolean, string]>([
    ['equals', { path: 'context.approved', equals: true }, false, 'context.approved is false, not true'],
    ['equals, and it does', { path: 'context.approved', equals: false }, true, 'context.approved is false'],
    ['deep equality, whatever the order of keys', { path: 'context.deep', equals: { a: [{ b: 1 }] } }, true, 'context.deep is an object'],
    ['null, which is there', { path: 'context.nothing', equals: null }, true, 'context.nothing is null'],
    ['notEquals', { path: 'context.amount', notEquals: 50 }, false, 'context.amount is 50'],
    ['above', { path: 'context.amount', above: 50 }, false, 'context.amount is 50, not above 50'],
    ['atLeast', { path: 'context.amount', atLeast: 50 }, true, 'context.amount is 50'],
    ['below', { path: 'context.amount', below: 50 }, false, 'context.amount is 50, not below 50'],
    ['atMost', { path: 'context.amount', atMost: 50 }, true, 'context.amount is 50'],
    ['a text compared with texts', { path: 'context.when', below: '2026-04-01' }, true, 'context.when is "2026-03-01"'],
    ['a text compared with a number', { path: 'context.when', above: 1 }, false, 'context.when is "2026-03-01", not above 1'],
    ['in', { path: 'context.country', in: ['DE', 'CH'] }, false, 'context.country is "AT", not one of "DE" and "CH"'],
    ['exists', { path: 'context.nothing', exists: true }, true, 'context.nothing exists'],
    ['exists: false', { path: 'context.gone', exists: false }, true, 'context.gone is missing'],
    ['two tests of one value', { path: 'context.amount', atLeast: 10, below: 50 }, false, 'context.amount is 50, not below 50'],
    ['not', { not: { path: 'context.approved', equals: false } }, false, 'context.approved is false'],
    [
      'and: the one that does not hold is named',
      {
        and: [
          { path: 'context.amount', above: 1 },
          { path: 'context.approved', equals: true },
        ],
      },
      false,
      'context.approved is false, not true',
    ],
    [
      'or: all are named',
      {
        or: [
          { path: 'context.amount', above: 99 },
          { path: 'context.approved', equals: true },
        ],
      },
      false,
      'context.amount is 50, not above 99 and context.approved is false, not true',
    ],
    [
      'a list, of which only the length is said',
      { path: 'context.items', equals: [1] },
      false,
      'context.items is a list of 2, not a list of 1',
    ],
    ['an element of a list', { path: 'context.items.1', equals: 2 }, true, 'context.items.1 is 2'],
    [
      'what is of a prototype is not there',
      { path: 'context.deep.constructor', exists: true },
      false,
      'context.deep.constructor is missing',
    ],
  ])('%s', (_what, when, holds, said) => {
    expect(decided(when, { context })).toEqual({ holds, said });
  });

  it.each<[string, ConditionSpec]>(
    Object.entries({ equals: null, notEquals: 1, above: 1, atLeast: 1, below: 1, atMost: 1, in: [null], exists: true }).map(
      ([test, value]) => [test, { path: 'outputs.a.gone', [test]: value }],
    ),
  )('%s does not hold of a value that is missing', (_test, when) => {
    expect(decided(when, {}).holds).toBe(false);
    expect(decided(when, { outputs: { 0: { other: 1 } } }).said).toMatch(/^outputs\.a\.gone is missing/);
  });

  it('looks at outputs by path, by ref(), and by the name of a step that has a point in it', () => {
    const outputs = { 0: { score: 7 }, 1: { 'odd.key': true } };
    expect(decided({ path: 'outputs.a.score', equals: 7 }, { outputs }).holds).toBe(true);
    expect(decided({ of: ref('b.c', 'odd.key'), equals: true }, { outputs })).toEqual({ holds: true, said: 'outputs.b.c.odd.key is true' });
    expect(decided({ path: 'outputs.b.c', exists: true }, { outputs }).holds).toBe(true);
    expect(decided({ of: contextRef('n'), equals: 1 }, { context: { n: 1 } }).holds).toBe(true);
  });

  it('takes the default of a reference for what is missing', () => {
    expect(decided({ of: ref('a', 'score').or(100), above: 50 }, {})).toEqual({ holds: true, said: 'outputs.a.score is 100' });
  });

  it('never repeats a large value', () => {
    const { said } = decided({ path: 'context.note', equals: 'y' }, { context: { note: 'x'.repeat(5_000) } });
    expect(said).toBe(`context.note is "${'x'.repeat(37)}...", not "y"`);
  });

  it('asks for the outputs that it looks at, once each, beside the references of the input', () => {
    const when = {
      or: [{ path: 'outputs.a.x', equals: 1 }, { path: 'outputs.a.y', equals: 1 }, { not: { path: 'outputs.b.c', exists: true } }],
    };
    expect(compiled(when).inputs[2]?.references).toEqual([
      { at: null, step: 0, path: [] },
      { at: null, step: 1, path: [] },
    ]);
    expect(compiled({ path: 'context.x', exists: true }).inputs[2]?.references).toEqual([]);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a misspelt field',
      { path: 'context.a', equal: 1 },
      /^step "last": its condition has an unknown field "equal" \(did you mean "equals"\?\)$/,
    ],
    ['a misspelt combination', { nott: { path: 'context.a', equals: 1 } }, /unknown field "nott" \(did you mean "not"\?\)/],
    ['an unknown step', { path: 'outputs.aa.x', equals: 1 }, /output of "aa", which is not a step of this saga \(did you mean "a"\?\)/],
    [
      'a step that comes later',
      { path: 'outputs.later.x', equals: 1 },
      /output of "later", which may not have settled by then; put it in dependsOn/,
    ],
    ['the step itself', { of: ref('last'), exists: true }, /output of "last", which may not have settled by then/],
    [
      'a path that begins nowhere',
      { path: 'contxt.a', equals: 1 },
      /must begin with "context\." or "outputs\.<step>\." \(did you mean "context"\?\)/,
    ],
    ['a path without a step', { path: 'outputs', equals: 1 }, /must begin with/],
    ['an empty name', { path: 'context..a', equals: 1 }, /has an empty name/],
    ['no path', { equals: 1 }, /needs a "path"/],
    ['a path and a reference', { path: 'context.a', of: ref('a'), equals: 1 }, /"path" and "of"; say one of them/],
    ['something else for a reference', { of: 'a', equals: 1 }, /"of" of its condition is "a", not a ref\(\) or a contextRef\(\)/],
    ['no test', { path: 'context.a' }, /asks nothing of the value; add one of equals/],
    ['a limit that has no order', { path: 'context.a', above: true }, /"above" of its condition must be a number or a text/],
    ['values that are no list', { path: 'context.a', in: 'AT' }, /"in" of its condition must be a list/],
    ['exists with a number', { path: 'context.a', exists: 1 }, /"exists" of its condition must be true or false/],
    ['an empty list of conditions', { and: [] }, /"and" of its condition must be a list of conditions/],
    ['two combinations', { and: [{ path: 'context.a', equals: 1 }], or: [] }, /"or" beside "and", which stands alone/],
    [
      'a value that cannot be stored',
      { path: 'context.a', equals: Number.NaN },
      /"equals" of the condition of step "last": NaN is not a JSON number/,
    ],
    ['a value that is too large', { path: 'context.a', equals: 'x'.repeat(5_000) }, /more than the 4096 bytes allowed/],
    ['no condition at all', 7, /its condition is a value of type number, not \{ path, equals \}/],
    [
      'a key that nobody has',
      'payment.requird',
      /^step "last": no process has a condition "payment\.requird": add @SagaCondition\("payment\.requird"\) to a method of a provider \(did you mean "payment\.required"\?\)$/,
    ],
    ['a key that is none', 'no key', /its condition "no key" is not a valid name/],
  ])('is refused at start: %s', (_what, when, problem) => {
    expect(problemsOf(when).join('\n')).toMatch(problem);
  });

  it('is refused when it contains itself', () => {
    const endless: Record<string, unknown> = {};
    endless['not'] = endless;
    expect(problemsOf(endless)).toEqual(['step "last": its condition is nested deeper than 16 levels']);
  });

  it('names every problem of a condition at once', () => {
    expect(
      problemsOf({
        and: [
          { path: 'context.a', equal: 1 },
          { path: 'outputs.nobody', equals: 1 },
        ],
      }),
    ).toHaveLength(2);
  });
});

describe('a condition that is a key', () => {
  it('is part of the plan, and of the operation at its start', () => {
    expect(compiled('payment.required').plan.steps[2]?.condition).toBe('payment.required');
  });

  it('may be unknown when unknown keys only wait', () => {
    const plan = compilePlan('s', stepsWith('later.there'), catalog, { ...defaults, unknownKeys: 'warn' }).plan;
    expect(plan.steps[2]?.condition).toBe('later.there');
  });
});
