import { describe, expect, it } from '@jest/globals';
import { turnBack } from './backward';
import { startSaga } from './forward';
import { linkedUndo, neverBegun } from './linked-undo';
import { newOperation, operationKey, type Operation, type OperationState } from './operation';
import { PLAN_FORMAT, type Plan, type PlanStep } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE = { timeoutMs: 1_000, retry: null, losses: 5 };
const step = (name: string, more: Partial<PlanStep> = {}): PlanStep => {
  return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn: [], actionPolicy: ONCE, undoPolicy: ONCE, ...more };
};
const plan: Plan = {
  format: PLAN_FORMAT,
  name: 'payment',
  steps: [step('a'), step('b', { dependsOn: [0] }), step('c', { compensation: null })],
};
const parent = { sagaId: 'P', step: 1, undoes: 'C' };
const cause = { kind: 'asked', reason: null, actor: null } as const;

const action = (place: number, state: OperationState, order: number): Operation =>
  newOperation({ step: place, direction: 'action', round: 1 }, { state, order, claims: 1, fence: 1, claimId: 'x' });

function ended(...actions: readonly Operation[]): SagaValue {
  return { ...withOperations(startSaga(plan, 'C').saga, actions), state: 'completed', openActions: 0 };
}

describe('the saga that undoes what another has done', () => {
  it('begins as that one would have turned back: all settled, with outputs, the last that was begun first', () => {
    const done = ended(action(0, 'completed', 2), action(1, 'completed', 5), action(2, 'completed', 3));
    const begun = linkedUndo(plan, done, ['A', 'B', 'C'], 'L', parent, cause);
    expect(begun?.saga).toMatchObject({ id: 'L', state: 'compensating', openActions: 0, openUndos: 2, parent, cause, rev: 1 });
    expect(begun?.effects.map((effect) => ('key' in effect ? effect.key : effect.type))).toEqual(['undo.b', 'record']);
    const ops = [...(begun?.saga.operations.values() ?? [])].map(({ direction, step: place, state, order, output, claims }) => {
      return [direction, place, state, order, output, claims];
    });
    expect(ops).toEqual([
      ['action', 0, 'completed', 2, 'A', 0],
      ['action', 1, 'completed', 5, 'B', 0],
      ['action', 2, 'completed', 3, 'C', 0],
      ['undo', 1, 'started', 1, undefined, 0],
      ['undo', 0, 'pending', 2, undefined, 0],
    ]);
  });

  it('is not needed when nothing that took effect has an undo', () => {
    const done = ended(action(0, 'skipped', 1), action(1, 'skipped', 2), action(2, 'completed', 3));
    expect(linkedUndo(plan, done, [], 'L', parent, cause)).toBeNull();
  });

  it('hears nobody who comes late: its actions ran elsewhere', () => {
    const done = ended({ ...action(0, 'completed', 1), hadUnknown: true }, action(1, 'completed', 2), action(2, 'completed', 3));
    const saga = linkedUndo(plan, done, [], 'L', parent, cause)?.saga;
    const late = { type: 'completed', operation: { step: 0, direction: 'action', round: 1 }, fence: 1, claimId: 'x', output: 1 } as const;
    expect(transition(plan, saga as SagaValue, late)).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('needs no one when nobody has begun what it would undo: the place of that saga is held', () => {
    const { saga, effects } = neverBegun(plan, 'N', parent, cause);
    expect(saga).toMatchObject({ state: 'failed', openActions: 0, openUndos: 0, cause });
    expect([...saga.operations.values()].map(({ state }) => state)).toEqual(['skipped', 'skipped', 'skipped']);
    expect(effects.map(({ type }) => type)).toEqual(['record']);
  });
});

describe('a step that waits for another saga', () => {
  const looking = { wait: { kind: 'saga', sagaId: 'C' }, claims: 0 } as const;

  it.each(['waiting', 'started', 'retrying'] as const)(
    'is unknown when its own saga turns back while it is %s: that saga has begun',
    (state) => {
      const { saga } = startSaga(plan, 'P');
      const moved = withOperations(saga, [{ ...action(0, state, 1), ...looking }]);
      const turned = turnBack(plan, moved, cause);
      if (turned.kind === 'need') throw new Error('it was whole');
      expect(operationOf(turned.saga, { step: 0, direction: 'action', round: 1 })?.state).toBe('unknown');
      expect(turned.saga.operations.get(operationKey({ step: 0, direction: 'undo', round: 1 }))?.actionOutcome).toBe('unknown');
    },
  );

  it('keeps its saga from being stuck while its own undo waits, also when another was given up', () => {
    const wide: Plan = { ...plan, onStuck: 'continue', steps: [step('a'), step('b'), step('c')] };
    const undo = (place: number, state: OperationState, order: number): Operation =>
      newOperation({ step: place, direction: 'undo', round: 1 }, { state, order, claims: 1, fence: 1, claimId: 'x' });
    const { saga } = startSaga(wide, 'P');
    const compensating: SagaValue = {
      ...withOperations(saga, [
        ...[0, 1, 2].map((place) => action(place, 'completed', place + 1)),
        ...[{ ...undo(2, 'waiting', 1), ...looking }, undo(1, 'running', 2), undo(0, 'pending', 3)],
      ]),
      ...{ state: 'compensating', openActions: 0, openUndos: 3 },
    };
    const error = { code: 'NO', message: 'no' };
    const failed = {
      type: 'failed',
      fence: 1,
      claimId: 'x',
      error,
      outcome: 'failed',
      retryable: false,
      retryAfterMs: undefined,
      seed: 0,
    } as const;
    const decision = transition(wide, compensating, { ...failed, operation: { step: 1, direction: 'undo', round: 1 } });
    if (decision.kind !== 'moved') throw new Error(decision.kind);
    expect(decision.saga.state).toBe('compensating');
    expect(decision.effects.map(({ type }) => type)).toEqual(['dispatch', 'record']);
  });
});
