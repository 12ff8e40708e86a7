import assert from 'node:assert/strict';
import type { OperationState, Operation, OperationRef } from '../core/operation';
import { newOperation, operationKey } from '../core/operation';
import { PLAN_FORMAT, type OperationPolicy } from '../core/plan';
import { withOperations, type SagaState } from '../core/saga-value';
import { transition } from '../core/transition';
import type { SagaEffect } from '../core/effect';
import type { Decide } from '../ports/report';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, comparable, completed, plan, Scenario, SECOND, startRequest, step, TWO_STEPS, undo } from './store-contract.scenario';

export const claimCases: readonly StoreCase[] = [
  promise('a claim carries everything that its attempt needs', async ({ store }) => {
    const scenario = new Scenario(store);
    const given = startRequest(TWO_STEPS);
    const references = [
      { at: ['order'], step: 0, path: ['id'] },
      { at: ['who'], step: null, path: ['customer'] },
    ];
    const [first, second] = given.steps;
    assert.ok(first && second);
    await store.start({ ...given, steps: [first, { ...second, references }] });
    const a = await scenario.perform(given.sagaId, action(0), { id: 42 });
    same([a.stepId, a.input, a.references, a.outputs], [first.stepId, first.input, [], new Map()]);
    const b = await scenario.claim(given.sagaId, action(1), { claimId: 'claim-b' });
    same([b.sagaId, b.claimId, b.stepId, b.input], [given.sagaId, 'claim-b', second.stepId, second.input]);
    same([b.references, b.outputs], [references, new Map([[0, { id: 42 }]])]);
    same([b.context, b.metadata, b.actionOutput], [given.context, given.metadata, undefined]);
    same([b.operation.fence, b.operation.claims, b.operation.state, b.operation.claimId], [1, 1, 'running', 'claim-b']);
    same(b.basis.plan, TWO_STEPS);
    same(b.createdAt, (await scenario.find(given.sagaId)).createdAt);
  }),

  promise('claims that come at once are each judged by themselves, and have leases of their own', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const names = ['first', 'short', 'long', 'paused', 'asks', 'newer'];
    const steps = names.map((name) => step(name, name === 'asks' ? { condition: 'needed' } : {}));
    const sagaId = await scenario.start(plan([...steps, step('later', { dependsOn: [0] })]));
    await store.pauseAction('do.paused', { reason: null, actor: null });
    const terms = [{}, { leaseMs: 10 * SECOND }, { leaseMs: 500 * SECOND }, {}, { conditions: [] }, { planFormat: PLAN_FORMAT - 1 }, {}];
    const results = await Promise.all(terms.map(async (init, place) => scenario.tryClaim(sagaId, action(place), init)));
    same(
      results.map((result) => (result.kind === 'refused' ? result.reason : result.claim.operation.step)),
      [0, 1, 2, 'paused', 'no-condition', 'unknown-plan-format', 'not-claimable'],
    );
    const orders = [0, 1, 2].map(async (place) => (await scenario.operation(sagaId, action(place))).order);
    same([...(await Promise.all(orders))].sort(), [2, 3, 4]);
    assert.equal((await scenario.find(sagaId)).saga.rev, 4);
    await advance(50 * SECOND);
    same(
      (await scenario.sweep({ graceMs: 30 * SECOND })).expired.map(({ operation }) => operation.step),
      [1],
    );
  }),

  promise('the claim of an undo carries the output of its action', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b'), step('c', { dependsOn: [0, 1] })]));
    await scenario.perform(sagaId, action(0), null);
    await scenario.perform(sagaId, action(1), { id: 1 });
    await scenario.fail(await scenario.claim(sagaId, action(2)));
    const b = await scenario.perform(sagaId, undo(1));
    same([b.actionOutput, b.operation.actionOutcome, b.input], [{ id: 1 }, 'completed', { of: 1 }]);
    assert.equal((await scenario.claim(sagaId, undo(0))).actionOutput, null);
  }),

  promise('the claim of an undo brings what it takes to decide which undos follow it', async ({ store }) => {
    const scenario = new Scenario(store);
    // `a` was built on by `b` and `c`, and these by `d`, which fails.
    const shape = [step('a'), step('b', { dependsOn: [0] }), step('c', { dependsOn: [0] }), step('d', { dependsOn: [1, 2] })];
    const sagaId = await scenario.start(plan(shape));
    for (const place of [0, 1, 2]) await scenario.perform(sagaId, action(place));
    await scenario.fail(await scenario.claim(sagaId, action(3)));
    const followers: string[] = [];
    for (const place of [2, 1, 0]) {
      const claim = await scenario.claim(sagaId, undo(place));
      const { plan: of, saga } = claim.basis;
      const decision = transition(of, saga, completed(claim, null));
      assert.ok(decision.kind === 'moved', `the undo of ${place} asked for more`);
      const woken = decision.effects.flatMap((effect) => (effect.type === 'dispatch' ? [effect.key] : []));
      followers.push(woken.join());
      await scenario.complete(claim);
    }
    same(followers, ['', 'undo.a', '']);
    assert.equal((await scenario.find(sagaId)).saga.state, 'compensated');
  }),

  promise('the undo of an action with an unknown outcome gets no output', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a')]));
    const { claimId, operation } = await scenario.claim(sagaId, action(0));
    const error = { code: 'TIMEOUT', message: 'no answer' };
    const outcome = { error, outcome: 'unknown', retryable: undefined, retryAfterMs: undefined, seed: 0 } as const;
    await scenario.apply(sagaId, { type: 'failed', operation: action(0), fence: operation.fence, claimId, ...outcome });
    const claim = await scenario.claim(sagaId, undo(0));
    same([claim.actionOutput, claim.operation.actionOutcome], [undefined, 'unknown']);
  }),

  promise('two claims at once: one wins', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const results = await Promise.all(Array.from({ length: 10 }, () => scenario.tryClaim(sagaId, action(0))));
    assert.equal(results.filter(({ kind }) => kind === 'claimed').length, 1);
    const operation = await scenario.operation(sagaId, action(0));
    same([operation.fence, operation.claims, operation.state], [1, 1, 'running']);
  }),

  promise('a claim says why it is refused', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const reasonOf = async (id: string, operation: OperationRef, planFormat = PLAN_FORMAT): Promise<string> => {
      const result = await scenario.tryClaim(id, operation, { planFormat });
      return result.kind === 'refused' ? result.reason : result.kind;
    };
    assert.equal(await reasonOf('nobody', action(0)), 'missing');
    assert.equal(await reasonOf(sagaId, action(9)), 'unknown-operation');
    assert.equal(await reasonOf(sagaId, action(1)), 'not-claimable');
    assert.equal(await reasonOf(sagaId, action(0), PLAN_FORMAT - 1), 'unknown-plan-format');
    assert.equal(await reasonOf(sagaId, action(0)), 'claimed');
  }),

  promise('an operation between two attempts is claimed only when its time has come', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.fail(await scenario.claim(sagaId, action(0)), { retryable: true, retryAfterMs: 60 * SECOND });
    same(await scenario.tryClaim(sagaId, action(0)), { kind: 'refused', reason: 'not-claimable' });
    await advance(61 * SECOND);
    assert.equal((await scenario.claim(sagaId, action(0))).operation.claims, 2);
  }),

  promise('claims exactly as transition says', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagas = await Promise.all(situations().map(async (situation) => ({ situation, sagaId: await arrange(scenario, situation) })));
    await advance(2 * SECOND);
    for (const { situation, sagaId } of sagas) {
      const operation = situation.direction === 'action' ? action(0) : undo(0);
      const before = await scenario.find(sagaId);
      const result = await scenario.tryClaim(sagaId, operation, { claimId: 'mine' });
      const after = await scenario.find(sagaId);
      const decision = transition(before.plan, before.saga, { type: 'claim', operation, claimId: 'mine', due: situation.due });
      const label = JSON.stringify(situation);
      if (decision.kind !== 'moved') {
        same(result, { kind: 'refused', reason: decision.kind === 'ignored' ? decision.reason : '' }, label);
        same(comparable(after.saga), comparable(before.saga), label);
        continue;
      }
      assert.ok(result.kind === 'claimed', label);
      same(comparable(after.saga), comparable(decision.saga), label);
      const { operations, ...basis } = comparable(result.claim.basis.saga);
      const { operations: expected, ...saga } = comparable(decision.saga);
      same(basis, saga, label);
      same(result.claim.operation, expected.get(operationKey(operation)), label);
      for (const [key, value] of operations) same(value, expected.get(key), label);
      const [entry] = (await store.history(sagaId)).slice(-1);
      const { rev, kind, state, fence, attempt, error } = entry ?? {};
      const record = decision.effects.find((effect) => effect.type === 'record')?.entry;
      same(
        { rev, kind, state, fence, attempt, error },
        {
          rev: saga.rev,
          kind: record?.kind,
          state: record?.state,
          fence: record?.fence,
          attempt: record?.attempt,
          error: record?.error,
        },
      );
    }
  }),
];

interface Situation {
  readonly sagaState: SagaState;
  readonly direction: 'action' | 'undo';
  readonly state: OperationState;
  readonly due: boolean;
  readonly spent: Pick<Operation, 'claims' | 'losses' | 'blamed' | 'order' | 'fence'>;
}

const LIMITS: OperationPolicy = { timeoutMs: 1_000, losses: 2, retry: { attempts: 4, backoff: 'fixed', baseMs: 0, maxMs: 0 } };

function situations(): readonly Situation[] {
  const sagaStates: readonly SagaState[] = ['started', 'compensating', 'stuck', 'completed', 'compensated', 'failed'];
  const states: readonly OperationState[] = ['pending', 'started', 'running', 'retrying', 'completed', 'failed', 'unknown', 'skipped'];
  const budgets: readonly Situation['spent'][] = [
    { claims: 0, losses: 0, blamed: 0, order: 0, fence: 0 },
    { claims: 3, losses: 0, blamed: 0, order: 2, fence: 3 },
    { claims: 4, losses: 0, blamed: 0, order: 2, fence: 4 },
    { claims: 4, losses: 1, blamed: 1, order: 2, fence: 5 },
    { claims: 2, losses: 2, blamed: 2, order: 2, fence: 4 },
  ];
  return sagaStates.flatMap((sagaState) =>
    (['action', 'undo'] as const).flatMap((direction) =>
      states.flatMap((state) =>
        budgets.flatMap((spent) =>
          (state === 'retrying' ? [true, false] : [false]).map((due) => ({ sagaState, direction, state, due, spent })),
        ),
      ),
    ),
  );
}

/** Brings a new saga into any state at all, by a decision of our own. */
async function arrange(scenario: Scenario, { sagaState, direction, state, due, spent }: Situation): Promise<string> {
  const steps = [step('a', { actionPolicy: LIMITS, undoPolicy: LIMITS }), step('b', { dependsOn: [0] }), step('c', { dependsOn: [0] })];
  const sagaId = await scenario.start(plan(steps));
  const ref = direction === 'action' ? action(0) : undo(0);
  const undoing = direction === 'undo' ? ({ actionOutcome: 'completed', order: 1, releases: [1] } as const) : {};
  const operation: Operation = {
    ...newOperation(ref, { ...spent, ...undoing, timedOut: spent.claims > 0, hadUnknown: spent.losses > 0 }),
    state,
  };
  const next = newOperation(undo(1), { order: 2, waits: 1, actionOutcome: 'unknown' });
  const waiting = state === 'started' || state === 'retrying';
  const key = direction === 'action' ? 'do.a' : 'undo.a';
  const inMs = state === 'started' ? 0 : due ? SECOND : 600 * SECOND;
  const wakeUps: readonly SagaEffect[] = waiting ? [{ type: 'dispatch', operation: ref, key, inMs }] : [];
  const decide: Decide = (_plan, saga, event) => ({
    kind: 'moved',
    saga: { ...withOperations(saga, direction === 'undo' ? [operation, next] : [operation]), state: sagaState, rev: saga.rev + 1 },
    effects: [
      ...wakeUps,
      {
        type: 'record',
        entry: {
          ...{ kind: event.type, state: sagaState, step: null, direction: null, round: null, fence: null, attempt: null },
          ...{ actor: null, reason: null, error: null },
        },
      },
    ],
  });
  const result = await scenario.apply(sagaId, { type: 'deadline' }, {}, decide);
  assert.equal(result.kind, 'applied', JSON.stringify(result));
  return sagaId;
}
