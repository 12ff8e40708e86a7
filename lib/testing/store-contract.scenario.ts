import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { startSaga } from '../core/forward';
import { canonicalJson, type Json } from '../core/json';
import type { SagaEvent } from '../core/event';
import { operationKey, type Operation, type OperationKey, type OperationRef } from '../core/operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from '../core/plan';
import type { SagaValue } from '../core/saga-value';
import { transition } from '../core/transition';
import type { Basis, Claim, ClaimRequest, ClaimResult } from '../ports/claim';
import type { ApplyRequest, ApplyResult, Decide } from '../ports/report';
import type { StartRequest, StartResult } from '../ports/saga-start';
import type { SagaStore } from '../ports/saga-store';
import type { SweepRequest } from '../ports/sweep';
import type { StoredSaga } from '../ports/stored-saga';

/** Long against the milliseconds that a test takes, so that a real clock and a virtual one give the same answers. */
export const SECOND = 1_000;
export const RESEND_MS = 20 * SECOND;
export const LEASE_MS = 60 * SECOND;
export const GRACE_MS = 30 * SECOND;

export const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 2 };

export function step(name: string, init: Partial<PlanStep> = {}): PlanStep {
  return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn: [], actionPolicy: ONCE, undoPolicy: ONCE, ...init };
}

export function plan(steps: readonly PlanStep[], name = 'order'): Plan {
  return { format: PLAN_FORMAT, name, steps };
}

/** a, then b. */
export const TWO_STEPS = plan([step('a'), step('b', { dependsOn: [0] })]);

export function action(place: number): OperationRef {
  return { step: place, direction: 'action', round: 1 };
}

export function undo(place: number): OperationRef {
  return { step: place, direction: 'undo', round: 1 };
}

export type StartInit = Partial<Omit<StartRequest, 'plan' | 'saga' | 'effects'>>;

export function startRequest(of: Plan, init: StartInit = {}): StartRequest {
  const sagaId = init.sagaId ?? randomUUID();
  const planHash = createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(of)) as Json))
    .digest('hex');
  return {
    plan: of,
    planHash,
    ...startSaga(of, sagaId),
    steps: of.steps.map((_, place) => ({ stepId: `${sagaId}-${place}`, input: { of: place }, references: [] })),
    context: { customer: 7 },
    metadata: { requestId: 'r-1' },
    businessKey: null,
    deadlineMs: null,
    resendMs: RESEND_MS,
    ...init,
    sagaId,
  };
}

/** Short names for what the cases do all the time. */
export class Scenario {
  constructor(readonly store: SagaStore) {}

  async start(of: Plan, init: StartInit = {}): Promise<string> {
    const request = startRequest(of, init);
    const result = await this.store.start(request);
    assert.equal(result.kind, 'started');
    return request.sagaId;
  }

  async startWithKey(of: Plan, key: string, fingerprint: string, init: StartInit = {}): Promise<StartResult> {
    return this.store.start(startRequest(of, { ...init, businessKey: { key, fingerprint } }));
  }

  async tryClaim(sagaId: string, operation: OperationRef, init: Partial<ClaimRequest> = {}): Promise<ClaimResult> {
    const claimId = randomUUID();
    return this.store.claim({ sagaId, operation, claimId, worker: 'w', leaseMs: LEASE_MS, planFormat: PLAN_FORMAT, ...init });
  }

  async claim(sagaId: string, operation: OperationRef, init: Partial<ClaimRequest> = {}): Promise<Claim> {
    const result = await this.tryClaim(sagaId, operation, init);
    if (result.kind !== 'claimed') throw new assert.AssertionError({ message: `the claim was refused: ${result.reason}` });
    return result.claim;
  }

  async apply(sagaId: string, event: SagaEvent, init: Partial<ApplyRequest> = {}, decide: Decide = transition): Promise<ApplyResult> {
    const [result] = await this.store.apply([{ sagaId, event, resendMs: RESEND_MS, ...init }], decide);
    return result as ApplyResult;
  }

  async complete(claim: Claim, output: Json = { done: true }, basis: Basis | null = claim.basis): Promise<ApplyResult> {
    return this.apply(claim.sagaId, completed(claim, output), basis === null ? {} : { basis });
  }

  async fail(claim: Claim, init: { readonly retryable?: boolean; readonly retryAfterMs?: number } = {}): Promise<ApplyResult> {
    return this.apply(claim.sagaId, failed(claim, init), { basis: claim.basis });
  }

  /** Claims and completes. */
  async perform(sagaId: string, operation: OperationRef, output: Json = { done: true }): Promise<Claim> {
    const claim = await this.claim(sagaId, operation);
    assert.equal((await this.complete(claim, output)).kind, 'applied');
    return claim;
  }

  async find(sagaId: string): Promise<StoredSaga> {
    const found = await this.store.find(sagaId);
    assert.ok(found, `saga ${sagaId} is not there`);
    return found;
  }

  async operation(sagaId: string, ref: OperationRef): Promise<Operation> {
    const operation = (await this.find(sagaId)).saga.operations.get(operationKey(ref));
    assert.ok(operation, `operation ${operationKey(ref)} is not there`);
    return operation;
  }

  async sweep(init: Partial<SweepRequest> = {}): ReturnType<SagaStore['sweep']> {
    return this.store.sweep({ limit: 100, graceMs: GRACE_MS, resendMs: RESEND_MS, resendMaxMs: 10 * RESEND_MS, ...init });
  }
}

export function completed({ operation: { step: place, direction, round, fence }, claimId }: Claim, output: Json): SagaEvent {
  return { type: 'completed', operation: { step: place, direction, round }, fence, claimId, output };
}

export function failed(
  { operation: { step: place, direction, round, fence }, claimId }: Claim,
  init: { readonly retryable?: boolean; readonly retryAfterMs?: number } = {},
): SagaEvent {
  const { retryable, retryAfterMs } = init;
  const error = { code: 'BROKEN', message: 'it broke' };
  const operation = { step: place, direction, round };
  return { type: 'failed', operation, fence, claimId, error, outcome: 'failed', retryable, retryAfterMs, seed: 0.5 };
}

export function leaseExpired({ operation: { step: place, direction, round, fence }, claimId }: Claim): SagaEvent {
  return { type: 'lease-expired', operation: { step: place, direction, round }, fence, claimId, seed: 0.5 };
}

/** A saga as it can be compared: outputs are present only in the decision that makes them. */
export function comparable(
  saga: SagaValue,
): Omit<SagaValue, 'operations' | 'whole'> & { readonly operations: ReadonlyMap<OperationKey, Operation> } {
  const { whole: _whole, operations, ...rest } = saga;
  const stripped = [...operations].map(([key, operation]): [OperationKey, Operation] => [key, { ...operation, output: undefined }]);
  return { ...rest, operations: new Map(stripped) };
}
