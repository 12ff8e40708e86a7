import { beforeEach, describe, expect, it } from '@jest/globals';
import type { SagaEvent } from '../../core/event';
import { startSaga } from '../../core/forward';
import type { OperationRef } from '../../core/operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from '../../core/plan';
import { transition } from '../../core/transition';
import type { Claim } from '../../ports/claim';
import type { ApplyResult } from '../../ports/report';
import type { StartRequest } from '../../ports/saga-start';
import type { SweepRequest } from '../../ports/sweep';
import { InMemorySagaStore } from './in-memory-saga.store';

const policy: OperationPolicy = { timeoutMs: 60_000, retry: { attempts: 3, backoff: 'fixed', baseMs: 1_000, maxMs: 1_000 }, losses: 3 };
const plan: Plan = {
  format: PLAN_FORMAT,
  name: 'order',
  steps: [{ name: 'a', action: 'do.a', compensation: 'undo.a', dependsOn: [], actionPolicy: policy, undoPolicy: policy }],
};
const action: OperationRef = { step: 0, direction: 'action', round: 1 };
const SWEEP: SweepRequest = { limit: 10, graceMs: 10_000, resendMs: 5_000, resendMaxMs: 20_000 };

describe('the in-memory store', () => {
  let now: number;
  let store: InMemorySagaStore;

  beforeEach(() => {
    now = 1_000_000;
    store = new InMemorySagaStore(() => now);
  });

  async function started(sagaId: string, more: Partial<StartRequest> = {}): Promise<void> {
    const { saga, effects } = startSaga(plan, sagaId);
    await store.start({
      sagaId,
      plan,
      planHash: 'hash',
      saga,
      effects,
      steps: [{ stepId: `${sagaId}-a`, input: { n: 1 }, references: [] }],
      context: {},
      metadata: {},
      businessKey: null,
      deadlineMs: null,
      resendMs: SWEEP.resendMs,
      ...more,
    });
  }

  async function claimed(sagaId: string, claimId = 'claim-1'): Promise<Claim> {
    const result = await store.claim({ sagaId, operation: action, claimId, worker: 'w', leaseMs: 30_000, planFormat: PLAN_FORMAT });
    if (result.kind !== 'claimed') throw new Error(`refused: ${result.reason}`);
    return result.claim;
  }

  async function applied(sagaId: string, event: SagaEvent): Promise<ApplyResult | undefined> {
    const [result] = await store.apply([{ sagaId, event, resendMs: SWEEP.resendMs, graceMs: SWEEP.graceMs }], transition);
    return result;
  }

  const failed = ({ operation, claimId }: Claim): SagaEvent => {
    const error = { code: 'E', message: 'no' };
    const rest = { outcome: 'failed', retryable: undefined, retryAfterMs: undefined, seed: 0 } as const;
    return { type: 'failed', operation: action, fence: operation.fence, claimId, error, ...rest };
  };

  it('hands out copies only: nobody changes a saga without a transition', async () => {
    await started('s-1');
    const claim = await claimed('s-1');
    (claim.basis.saga.operations as Map<string, unknown>).clear();
    (claim.input as { n: number }).n = 2;
    const found = await store.find('s-1');
    (found?.saga.operations as Map<string, unknown>).clear();
    const again = await store.find('s-1');
    expect(again?.saga.operations.size).toBe(1);
    expect(again?.steps[0]?.input).toEqual({ n: 1 });
  });

  it('keeps its own copy of what it was given at the start', async () => {
    const context = { customer: 'c-1' };
    await started('s-1', { context });
    context.customer = 'c-2';
    expect((await store.find('s-1'))?.context).toEqual({ customer: 'c-1' });
  });

  it('lets nobody claim a retrying operation before its time', async () => {
    await started('s-1');
    await applied('s-1', failed(await claimed('s-1')));
    now += 999;
    await expect(claimed('s-1', 'claim-2')).rejects.toThrow('not-claimable');
    now += 1;
    expect((await claimed('s-1', 'claim-2')).operation.claims).toBe(2);
  });

  it('takes a lease only when it and the grace after it have passed', async () => {
    await started('s-1');
    const { operation, claimId } = await claimed('s-1');
    const expiry: SagaEvent = { type: 'lease-expired', operation: action, fence: operation.fence, claimId, seed: 0 };
    now += 39_999;
    expect(await applied('s-1', expiry)).toMatchObject({ kind: 'ignored', reason: 'lease-renewed' });
    now += 1;
    const lease = { sagaId: 's-1', operation: action, fence: 1, claimId: 'claim-1', elapsedMs: 40_000 };
    expect((await store.sweep(SWEEP)).expired).toEqual([lease]);
    expect(await applied('s-1', expiry)).toMatchObject({ kind: 'applied' });
  });

  it('does not extend a lease that has passed', async () => {
    await started('s-1');
    const { operation, claimId } = await claimed('s-1');
    const beat = { sagaId: 's-1', operation: action, fence: operation.fence, claimId, leaseMs: 30_000, timedOut: false };
    expect(await store.heartbeat([beat])).toEqual([{ held: true, wanted: true }]);
    now += 30_000;
    expect(await store.heartbeat([beat])).toEqual([{ held: false, wanted: false }]);
  });

  it('finds a wake-up that nobody claimed again and again, ever more rarely', async () => {
    await started('s-1');
    const found: number[] = [];
    for (let second = 0; second <= 60; second++) {
      if ((await store.sweep(SWEEP)).wakeUps.length > 0) found.push(second);
      now += 1_000;
    }
    expect(found).toEqual([5, 10, 20, 40, 60]);
  });

  it('says when to look next', async () => {
    expect((await store.sweep(SWEEP)).nextInMs).toBeNull();
    await started('s-1', { deadlineMs: 3_000 });
    expect((await store.sweep(SWEEP)).nextInMs).toBe(3_000);
    now += 3_000;
    expect(await store.sweep(SWEEP)).toMatchObject({ deadlines: ['s-1'], nextInMs: 2_000 });
  });

  it('finds no more sagas at once than it was asked for', async () => {
    for (const place of [1, 2, 3]) await started(`s-${place}`);
    now += SWEEP.resendMs;
    expect((await store.sweep({ ...SWEEP, limit: 2 })).wakeUps).toHaveLength(2);
    expect((await store.sweep({ ...SWEEP, limit: 2 })).wakeUps).toHaveLength(1);
  });

  it('remembers a business key when its saga is gone', async () => {
    const businessKey = { key: 'order:42', fingerprint: 'f' };
    await started('s-1', { businessKey });
    expect(await store.delete('s-1')).toEqual({ active: 'started' });
    const { operation, claimId } = await claimed('s-1');
    await applied('s-1', { type: 'completed', operation: action, fence: operation.fence, claimId, output: null });
    expect(await store.delete('s-1')).toBe('deleted');
    const { saga, effects } = startSaga(plan, 's-2');
    const rest = { plan, planHash: 'hash', saga, effects, steps: [], context: {}, metadata: {}, deadlineMs: null, resendMs: 1 };
    expect(await store.start({ sagaId: 's-2', businessKey, ...rest })).toEqual({
      kind: 'existing',
      sagaId: 's-1',
      state: 'completed',
      purged: true,
    });
    expect(await store.start({ sagaId: 's-2', businessKey: { ...businessKey, fingerprint: 'g' }, ...rest })).toEqual({
      kind: 'conflict',
      sagaId: 's-1',
    });
  });
});
