import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from './plan';
import { operationOf, type SagaValue } from './saga-value';
import { transition } from './transition';

const TWICE: OperationPolicy = { timeoutMs: 1_000, retry: { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 }, losses: 2 };
const step = (name: string, init: Partial<PlanStep> = {}): PlanStep => ({
  ...{ name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn: [], actionPolicy: TWICE, undoPolicy: TWICE },
  ...init,
});
const plan: Plan = {
  format: PLAN_FORMAT,
  name: 'conditional',
  steps: [step('a', { condition: 'needed' }), step('b'), step('c', { dependsOn: [0, 1] })],
};
const A = { step: 0, direction: 'action', round: 1 } as const;
const B = { step: 1, direction: 'action', round: 1 } as const;
const error = { code: 'E', message: 'no' };

const after = (saga: SagaValue, ...events: readonly SagaEvent[]): SagaValue =>
  events.reduce((current, event) => {
    const decision = transition(plan, current, event);
    if (decision.kind !== 'moved') throw new Error(`${event.type}: ${JSON.stringify(decision)}`);
    return decision.saga;
  }, saga);
const claim = (operation: typeof A | typeof B, claimId: string, conditions?: readonly string[]): SagaEvent => ({
  ...{ type: 'claim', operation, claimId, due: true },
  ...(conditions !== undefined && { conditions }),
});
const of = (saga: SagaValue, operation: typeof A | typeof B = A) => {
  const { fence, claimId } = operationOf(saga, operation) ?? { fence: 0, claimId: null };
  return { operation, fence, claimId: claimId ?? '' };
};
const stateOf = (saga: SagaValue, operation: typeof A | typeof B = A) => operationOf(saga, operation)?.state;
const start = () => startSaga(plan, 's').saga;

describe('a step with a condition that is asked', () => {
  it('is claimed only by a process that has the condition, until the answer was yes', () => {
    expect(transition(plan, start(), claim(A, 'c1', []))).toEqual({ kind: 'ignored', reason: 'no-condition' });
    const claimed = after(start(), claim(A, 'c1', ['needed']));
    const admitted = after(claimed, { type: 'admitted', ...of(claimed) });
    expect(operationOf(admitted, A)).toMatchObject({ state: 'running', condition: null, claims: 1 });
    const again = after(admitted, { type: 'failed', ...of(admitted), error, outcome: 'failed', retryable: true, retryAfterMs: 0, seed: 0 });
    expect(transition(plan, again, { ...claim(A, 'c2', []), due: true } as SagaEvent).kind).toBe('moved');
  });

  it('is skipped when the answer is no, and the saga goes on', () => {
    const claimed = after(start(), claim(A, 'c1'), claim(B, 'c2'));
    const skipped = after(claimed, { type: 'skipped', ...of(claimed), reason: 'no need', neverRan: true });
    const done = after(skipped, { type: 'completed', ...of(claimed, B), output: null });
    expect([stateOf(done), done.state, operationOf(done, { ...A, step: 2 })?.state]).toEqual(['skipped', 'started', 'started']);
    const history = transition(plan, claimed, { type: 'skipped', ...of(claimed), reason: 'no need', neverRan: true }) as Extract<
      Decision,
      { kind: 'moved' }
    >;
    expect(history.effects.at(-1)).toMatchObject({ type: 'record', entry: { kind: 'skipped', reason: 'no need' } });
  });

  it('says yes once: a copy of the answer changes nothing', () => {
    const claimed = after(start(), claim(A, 'c1'));
    const admitted = after(claimed, { type: 'admitted', ...of(claimed) });
    expect(transition(plan, admitted, { type: 'admitted', ...of(claimed) })).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('has not run while its condition was asked: whatever becomes of that attempt is not unknown', () => {
    const claimed = after(start(), claim(A, 'c1'));
    const lost = after(claimed, { type: 'lease-expired', ...of(claimed), seed: 0 });
    expect(operationOf(lost, A)).toMatchObject({ state: 'started', hadUnknown: false });
    const released = after(claimed, { type: 'released', ...of(claimed), interrupted: true });
    expect(operationOf(released, A)).toMatchObject({ state: 'started', hadUnknown: false });
    const admitted = after(claimed, { type: 'admitted', ...of(claimed) });
    const lostLater = after(admitted, { type: 'lease-expired', ...of(admitted), seed: 0 });
    expect(operationOf(lostLater, A)?.hadUnknown).toBe(true);
  });

  it('fails under its policy when its condition throws, and is not undone', () => {
    const failed = (saga: SagaValue): SagaEvent => ({
      ...{ type: 'failed', ...of(saga), error, outcome: 'failed', retryable: undefined, retryAfterMs: undefined, seed: 0 },
    });
    const first = after(start(), claim(B, 'b'), claim(A, 'c1'));
    const second = after(first, failed(first), claim(A, 'c2'));
    const over = after(second, failed(second), { type: 'completed', ...of(first, B), output: null });
    expect([stateOf(over), over.state]).toEqual(['failed', 'compensating']);
    expect([...over.operations.values()].filter(({ direction }) => direction === 'undo').map(({ step: place }) => place)).toEqual([1]);
  });

  it('does not begin any more when its saga has turned back while the condition was asked', () => {
    const claimed = after(start(), claim(A, 'c1'), { type: 'cancel', reason: null, actor: null });
    const admitted = after(claimed, { type: 'admitted', ...of(claimed) });
    expect([stateOf(admitted), admitted.state]).toEqual(['skipped', 'failed']);
  });

  it('does not begin any more when its saga was finished while the condition was asked', () => {
    const finishes = (saga: SagaValue): SagaEvent => ({ type: 'completed', ...of(saga, B), output: null, finishes: true });
    const claimed = after(start(), claim(A, 'c1'), claim(B, 'c2'));
    const finished = after(claimed, finishes(claimed), { type: 'admitted', ...of(claimed) });
    expect([stateOf(finished), finished.state]).toEqual(['skipped', 'completed']);
    const failed = { type: 'failed', ...of(claimed), error, outcome: 'failed', retryAfterMs: undefined, seed: 0 } as const;
    for (const retryable of [undefined, false]) {
      const threw = after(claimed, finishes(claimed), { ...failed, retryable });
      expect([stateOf(threw), threw.state]).toEqual(['skipped', 'completed']);
    }
    const between = after(claimed, { ...failed, retryable: undefined });
    const over = after(between, finishes(between));
    expect([stateOf(over), over.state]).toEqual(['skipped', 'completed']);
  });

  it('does not begin any more when it is the pivot, and its saga was to turn back while the condition was asked', () => {
    const pivotal: Plan = { ...plan, steps: [step('a', { condition: 'needed', kind: 'pivot', compensation: null })] };
    let saga = startSaga(pivotal, 's').saga;
    for (const event of [claim(A, 'c1'), { type: 'cancel', reason: null, actor: null } as const]) {
      const decision = transition(pivotal, saga, event);
      if (decision.kind === 'moved') saga = decision.saga;
    }
    expect(saga.turning).toMatchObject({ kind: 'asked' });
    const decision = transition(pivotal, saga, { type: 'admitted', ...of(saga) });
    expect(decision).toMatchObject({ kind: 'moved', saga: { state: 'failed', pastPivot: false, cause: { kind: 'asked' } } });
  });

  it('is never undone when it was skipped by a condition that never held, though an attempt was lost before it was looked at', () => {
    const data: Plan = { ...plan, steps: [step('a', { when: { all: [] } }), step('b'), step('c', { dependsOn: [0, 1] })] };
    const move = (saga: SagaValue, event: SagaEvent): SagaValue => {
      const decision = transition(data, saga, event);
      if (decision.kind !== 'moved') throw new Error(event.type);
      return decision.saga;
    };
    let saga = move(startSaga(data, 's').saga, claim(A, 'c1'));
    saga = move(saga, { type: 'lease-expired', ...of(saga), seed: 0 });
    expect(operationOf(saga, A)?.hadUnknown).toBe(true);
    saga = move(saga, claim(A, 'c2'));
    saga = move(saga, { type: 'skipped', ...of(saga), reason: 'context.a is missing', neverRan: true });
    saga = move(saga, { type: 'cancel', reason: null, actor: null });
    expect([saga.state, operationOf(saga, A)?.hadUnknown]).toEqual(['failed', false]);
  });
});
