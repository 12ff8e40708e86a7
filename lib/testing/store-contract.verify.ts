import assert from 'node:assert/strict';
import type { SagaEvent } from '../core/event';
import type { OperationPolicy, Plan } from '../core/plan';
import type { Claim } from '../ports/claim';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import {
  action,
  completed,
  failed,
  GRACE_MS,
  LEASE_MS,
  leaseExpired,
  ONCE,
  plan,
  Scenario,
  SECOND,
  step,
  undo,
} from './store-contract.scenario';

const TWICE: OperationPolicy = { ...ONCE, retry: { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 } };
const ASKED: Plan = plan([step('a', { verifyPolicy: TWICE }), step('b', { dependsOn: [0] })]);

export const verifyCases: readonly StoreCase[] = [
  promise('a claim and an expired lease say how long ago the first attempt began', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { actionPolicy: TWICE })]));
    const first = await scenario.claim(sagaId, action(0));
    assert.ok(first.elapsedMs < 5 * SECOND, `${first.elapsedMs} ms at the first attempt`);
    await advance(10 * SECOND);
    await scenario.apply(sagaId, failed(first));
    const second = await scenario.claim(sagaId, action(0));
    isAbout(second.elapsedMs, 10 * SECOND);
    await advance(LEASE_MS + GRACE_MS + SECOND);
    const [lease] = (await scenario.sweep()).expired;
    isAbout(lease?.elapsedMs, LEASE_MS + GRACE_MS + 11 * SECOND);
  }),

  promise('the time of a question begins with the question', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(ASKED);
    await doubt(scenario, await scenario.claim(sagaId, action(0)));
    await advance(10 * SECOND);
    assert.ok((await scenario.claim(sagaId, action(0))).elapsedMs < 5 * SECOND);
  }),

  promise('a question is claimed only by a process that can ask it, as often as its own policy says', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(ASKED);
    await doubt(scenario, await scenario.claim(sagaId, action(0), { canVerify: false }));
    same(await scenario.tryClaim(sagaId, action(0), { canVerify: false }), { kind: 'refused', reason: 'no-verifier' });
    const first = await scenario.claim(sagaId, action(0));
    assert.ok(first.operation.verifying);
    same([first.operation.claims, first.input], [1, { of: 0 }]);
    await scenario.apply(sagaId, verified(first, { kind: 'unknown' }));
    await scenario.apply(sagaId, verified(await scenario.claim(sagaId, action(0)), { kind: 'unknown' }));
    same((await scenario.operation(sagaId, action(0))).state, 'unknown');
    same((await scenario.operation(sagaId, undo(0))).actionOutcome, 'unknown');
  }),

  promise('a question is claimed and beaten for while its saga turns back, and what it finds is undone', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(ASKED);
    await doubt(scenario, await scenario.claim(sagaId, action(0)));
    await scenario.apply(sagaId, { type: 'compensate', reason: null, actor: null });
    const { claimId, operation } = await scenario.claim(sagaId, action(0));
    const beat = { sagaId, operation: action(0), fence: operation.fence, claimId, leaseMs: LEASE_MS, timedOut: false };
    same(await store.heartbeat([beat]), [{ held: true, wanted: true }]);
    await scenario.apply(sagaId, { type: 'verified', ...beat, found: { kind: 'done', output: { id: 7 } }, seed: 0 });
    const undone = await scenario.claim(sagaId, undo(0));
    same([undone.operation.actionOutcome, undone.actionOutput], ['completed', { id: 7 }]);
  }),

  promise('an effect that comes late to a question is the answer, and later steps get its output', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(ASKED);
    const zombie = await scenario.claim(sagaId, action(0));
    await advance(LEASE_MS + GRACE_MS + SECOND);
    await scenario.apply(sagaId, leaseExpired(zombie), { graceMs: GRACE_MS });
    await doubt(scenario, await scenario.claim(sagaId, action(0)));
    const asking = await scenario.claim(sagaId, action(0));
    assert.equal((await scenario.apply(sagaId, completed(zombie, { id: 8 }))).kind, 'applied');
    same((await scenario.find(sagaId)).steps[0]?.output, { id: 8 });
    same((await scenario.apply(sagaId, verified(asking, { kind: 'not-done' }))).kind, 'ignored');
    assert.equal((await scenario.claim(sagaId, action(1))).operation.state, 'running');
  }),

  promise('an effect that comes late to what was found not done is undone with its output', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(ASKED);
    const zombie = await scenario.claim(sagaId, action(0));
    await advance(LEASE_MS + GRACE_MS + SECOND);
    await scenario.apply(sagaId, leaseExpired(zombie), { graceMs: GRACE_MS });
    await doubt(scenario, await scenario.claim(sagaId, action(0)));
    await scenario.apply(sagaId, verified(await scenario.claim(sagaId, action(0)), { kind: 'not-done' }));
    assert.equal((await scenario.find(sagaId)).saga.state, 'failed');
    await scenario.apply(sagaId, completed(zombie, { id: 9 }));
    assert.equal((await scenario.find(sagaId)).saga.attention, true);
    const round = { ...undo(0), round: 2 };
    const undone = await scenario.claim(sagaId, round);
    same([undone.operation.actionOutcome, undone.actionOutput], ['completed', { id: 9 }]);
  }),

  promise('the undo of an action that failed is told so, and gets no output', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { compensateOnFailure: true })]));
    await scenario.fail(await scenario.claim(sagaId, action(0)));
    const undone = await scenario.claim(sagaId, undo(0));
    same([undone.operation.actionOutcome, undone.actionOutput], ['failed', undefined]);
  }),
];

/** The attempt ends, and nobody can say how. */
async function doubt(scenario: Scenario, { sagaId, operation: { step: place, direction, round, fence }, claimId }: Claim): Promise<void> {
  const operation = { step: place, direction, round };
  const error = { code: 'ECONNRESET', message: 'it broke' };
  const rest = { outcome: 'unknown', retryable: false, retryAfterMs: undefined, seed: 0 } as const;
  const result = await scenario.apply(sagaId, { type: 'failed', operation, fence, claimId, error, ...rest });
  assert.equal(result.kind, 'applied');
}

function verified({ operation, claimId }: Claim, found: Extract<SagaEvent, { type: 'verified' }>['found']): SagaEvent {
  const { step: place, direction, round, fence } = operation;
  return { type: 'verified', operation: { step: place, direction, round }, fence, claimId, found, seed: 0 };
}

function isAbout(actual: number | undefined, expected: number): void {
  assert.ok(actual !== undefined && actual >= expected - SECOND && actual < expected + 5 * SECOND, `${actual} ms, not about ${expected}`);
}
