import { describe, expect, it } from '@jest/globals';
import { SagaPlanError } from '../errors';
import { catalogOf, type HandlerDeclaration } from './handler-declaration';
import { PATIENCE } from './kinds';
import { OWN_ACTIONS } from './own-actions';
import type { PlanStep } from './plan';
import { compilePlan, type PlanDefaults } from './plan-compiler';
import type { PlainStep, StepList } from './step-spec';

const defaults: PlanDefaults = {
  action: { timeoutMs: 60_000, retry: null, losses: 5 },
  undo: { timeoutMs: 30_000, retry: null, losses: 5 },
  verify: { timeoutMs: 1_000, retry: null, losses: 5 },
  onStuck: 'halt',
  unknownKeys: 'refuse',
  limits: { maxBytes: 1_000 },
};
const impatient = { attempts: 2, backoff: 'fixed', baseMs: 1, maxMs: 1, maxElapsedMs: 5 } as const;
const declared: readonly HandlerDeclaration[] = [
  ...OWN_ACTIONS,
  { direction: 'action', key: 'do', undoes: null, policy: {} },
  { direction: 'action', key: 'hasty', undoes: null, policy: { retry: impatient } },
  { direction: 'undo', key: 'undo', undoes: 'do', policy: {} },
];

const step = (name: string, more: Partial<PlainStep> = {}): PlainStep => ({ name, action: 'do', ...more });
const pivot = step('pivot', { kind: 'pivot' });

function stepsOf(list: StepList): readonly PlanStep[] {
  return compilePlan('journey', list, catalogOf(declared), defaults).plan.steps;
}

function problemsOf(list: StepList): readonly string[] {
  try {
    stepsOf(list);
  } catch (error) {
    if (error instanceof SagaPlanError) return error.problems;
    throw error;
  }
  return [];
}

describe('the kind of a step', () => {
  it('is a part of the plan, and left out where there is none', () => {
    const kinds = stepsOf([step('a'), step('b', { kind: 'optional' }), pivot, step('c', { kind: 'retriable' })]).map(({ kind }) => kind);
    expect(kinds).toEqual([undefined, 'optional', 'pivot', 'retriable']);
  });

  it('is one that there is', () => {
    expect(problemsOf([step('a', { kind: 'retryable' as 'retriable' })])).toEqual([
      `step "a": kind must be one of 'pivot', 'retriable', 'optional', or be left out (did you mean "retriable"?), not "retryable"`,
    ]);
    expect(problemsOf([step('a', { kind: 7 as never })])[0]).toContain('not a value of type number');
  });

  it('leaves the undo that is declared for the action to steps that can be undone', () => {
    const undos = stepsOf([step('a'), step('b', { kind: 'optional' }), step('c', { kind: 'retriable' }), pivot]).map(
      ({ compensation }) => compensation,
    );
    expect(undos).toEqual(['undo', 'undo', null, null]);
    expect(stepsOf([step('a', { kind: 'retriable', compensation: 'undo' })])[0]?.compensation).toBe('undo');
  });
});

describe('beside and after a pivot', () => {
  it('every step is retriable or optional, and all that are not are named at once', () => {
    const list = [step('a'), [pivot, step('beside')], step('after'), step('second', { kind: 'pivot' })];
    expect(problemsOf(list)).toEqual([
      '"pivot" and "second" are pivots; a saga has one',
      'step "beside": it comes beside the pivot "pivot", so it must be retriable or optional, or come before it',
      'step "after": it comes after the pivot "pivot", so it must be retriable or optional, or come before it',
    ]);
  });

  it('is what the dependencies say, not the order in which steps are written', () => {
    const list = [
      step('late', { kind: 'retriable', dependsOn: ['pivot'] }),
      step('early', { dependsOn: [] }),
      { ...pivot, dependsOn: ['early'] },
    ];
    expect(problemsOf(list)).toEqual([]);
  });

  it('no undo is named that would never run', () => {
    const list = [{ ...pivot, compensation: 'undo' }, step('after', { kind: 'optional', compensation: 'undo' })];
    expect(problemsOf(list)).toEqual([
      'step "pivot": its compensation "undo" is never run, because nothing is undone of a pivot; remove it',
      'step "after": its compensation "undo" is never run, because nothing is undone after the pivot; remove it',
    ]);
    expect(stepsOf([pivot, step('after', { kind: 'optional' })])[1]?.compensation).toBeNull();
  });

  it('a step beside it may be undone: it runs while there is a way back', () => {
    expect(stepsOf([[pivot, step('beside', { kind: 'optional' })]])[1]?.compensation).toBe('undo');
  });

  it('what runs another saga can only be optional, for a saga that has failed is not started again', () => {
    const saga = { name: 'inner', steps: [step('x', { kind: 'retriable' })] };
    const why = 'a saga that has failed is not started again; let the steps of that saga have kinds of their own';
    const child = { name: 'child', saga, kind: 'retriable' as 'optional' };
    const each = { name: 'each', map: { over: [1], action: 'do' }, kind: 'pivot' as 'optional' };
    expect(problemsOf([child, each])).toEqual([
      `step "child": kind can only be 'optional', not 'retriable': ${why}`,
      `step "each": kind can only be 'optional', not 'pivot': ${why}`,
    ]);
    expect(problemsOf([pivot, { name: 'child', saga }])).toEqual([
      'step "child": it comes after the pivot "pivot", so it must be optional, or come before it',
    ]);
    expect(problemsOf([pivot, { name: 'child', saga, kind: 'optional' }])).toEqual([]);
  });

  it('a pause is retriable by itself, for it cannot fail', () => {
    expect(stepsOf([pivot, { name: 'pause', sleepMs: 5 }])[1]?.kind).toBe('retriable');
    expect(stepsOf([{ name: 'pause', sleepMs: 5 }, pivot])[0]?.kind).toBeUndefined();
  });
});

describe('a retriable step', () => {
  it('has the patience of the engine when nobody says how often it is tried', () => {
    expect(stepsOf([step('a', { kind: 'retriable' })])[0]?.actionPolicy.retry).toEqual(PATIENCE);
    expect(PATIENCE).toEqual({ attempts: 10, backoff: 'exponential', baseMs: 1_000, maxMs: 60_000 });
  });

  it('has no time within which it must complete', () => {
    expect(stepsOf([{ name: 'a', action: 'hasty', kind: 'retriable' }])[0]?.actionPolicy.retry).not.toHaveProperty('maxElapsedMs');
    expect(problemsOf([step('a', { kind: 'retriable', retry: { attempts: 2, maxElapsedMs: 5 } })])).toEqual([
      'step "a": retry.maxElapsedMs has no meaning: a retriable step is tried until it completes',
    ]);
  });
});

describe('a pivot', () => {
  it('is not undone when it has failed either', () => {
    expect(problemsOf([{ ...pivot, compensateOnFailure: true }])).toEqual([
      'step "pivot": compensateOnFailure has no meaning: a pivot is never undone',
    ]);
  });
});
