import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import { startSaga } from './forward';
import { newOperation, operationKey, type Operation } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import { withOperations, type SagaState, type SagaValue } from './saga-value';
import { transition } from './transition';

const policy: OperationPolicy = { timeoutMs: 60_000, retry: { attempts: 2, backoff: 'fixed', baseMs: 10, maxMs: 10 }, losses: 2 };
const plan: Plan = {
  format: PLAN_FORMAT,
  name: 'order',
  steps: [{ name: 'a', action: 'do.a', compensation: 'undo.a', dependsOn: [], actionPolicy: policy, undoPolicy: policy }],
};

const action = { step: 0, direction: 'action', round: 1 } as const;
const undo = { step: 0, direction: 'undo', round: 1 } as const;

function sagaWith(state: SagaState, operation: Operation): SagaValue {
  return withOperations({ ...startSaga(plan, 'saga-1').saga, state, rev: 7 }, [operation]);
}

function claim(saga: SagaValue, operation: typeof action | typeof undo = action, due = true): Decision {
  return transition(plan, saga, { type: 'claim', operation, claimId: 'claim-9', due });
}

function refusal(reason: string): Decision {
  return { kind: 'ignored', reason } as Decision;
}

describe('a claim', () => {
  it('counts the attempt, raises the fence and leaves its mark before user code runs', () => {
    const decision = claim(sagaWith('started', newOperation(action, { state: 'started', fence: 4, timedOut: true })));
    const claimed = decision.kind === 'moved' ? decision.saga.operations.get(operationKey(action)) : undefined;
    expect(claimed).toMatchObject({ state: 'running', fence: 5, claims: 1, claimId: 'claim-9', timedOut: false });
  });

  it('remembers when the action was claimed first, and keeps that at later claims', () => {
    const first = claim(sagaWith('started', newOperation(action, { state: 'started' })));
    expect(first.kind === 'moved' && first.saga.operations.get('action:0:1')?.order).toBe(8);
    const again = claim(sagaWith('started', newOperation(action, { state: 'retrying', claims: 1, order: 3 })));
    expect(again.kind === 'moved' && again.saga.operations.get('action:0:1')?.order).toBe(3);
  });

  it('may come for a started operation at any time', () => {
    expect(claim(sagaWith('started', newOperation(action, { state: 'started' })), action, false).kind).toBe('moved');
  });

  it('may come for a retrying operation only when its time has come', () => {
    const saga = sagaWith('started', newOperation(action, { state: 'retrying', claims: 1 }));
    expect(claim(saga, action, false)).toEqual(refusal('not-claimable'));
    expect(claim(saga, action, true).kind).toBe('moved');
  });

  it.each(['pending', 'running', 'completed', 'failed', 'unknown', 'skipped'] as const)('is refused when the operation is %s', (state) => {
    expect(claim(sagaWith('started', newOperation(action, { state })))).toEqual(refusal('not-claimable'));
  });

  it.each(['compensating', 'stuck'] as const)('is refused for an action when the saga is %s', (state) => {
    expect(claim(sagaWith(state, newOperation(action, { state: 'started' })))).toEqual(refusal('wrong-direction'));
  });

  it.each(['started', 'stuck'] as const)('is refused for an undo when the saga is %s', (state) => {
    expect(claim(sagaWith(state, newOperation(undo, { state: 'started' })), undo)).toEqual(refusal('wrong-direction'));
  });

  it.each(['completed', 'compensated', 'failed'] as const)('is refused when the saga is %s', (state) => {
    expect(claim(sagaWith(state, newOperation(action, { state: 'started' })))).toEqual(refusal('terminal'));
  });

  it('is refused when the saga has no such operation', () => {
    expect(claim(startSaga(plan, 'saga-1').saga, undo)).toEqual(refusal('unknown-operation'));
  });

  it('is refused when the attempts are used up, so that a crash loop ends even if no code ever reports', () => {
    expect(claim(sagaWith('started', newOperation(action, { state: 'started', claims: 2 })))).toEqual(refusal('exhausted'));
  });

  it('does not count lost attempts as used up', () => {
    expect(claim(sagaWith('started', newOperation(action, { state: 'started', claims: 2, losses: 1, blamed: 1 }))).kind).toBe('moved');
  });

  it('is refused when the operation has cost too many processes', () => {
    expect(claim(sagaWith('started', newOperation(action, { state: 'started', claims: 2, losses: 2, blamed: 2 })))).toEqual(
      refusal('exhausted'),
    );
  });
});
