import assert from 'node:assert/strict';
import { operationKey } from '../core/operation';
import type { OperationPolicy, Plan } from '../core/plan';
import { transition } from '../core/transition';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, completed, failed, leaseExpired, plan, RESEND_MS, Scenario, SECOND, step, TWO_STEPS } from './store-contract.scenario';

const TWICE: OperationPolicy = { timeoutMs: 1_000, retry: { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 }, losses: 1 };

/** a, then the pivot, then a step that is tried until it completes. */
const PIVOT: Plan = plan([
  step('a'),
  step('pivot', { dependsOn: [0], kind: 'pivot', compensation: null }),
  step('last', { dependsOn: [1], kind: 'retriable', compensation: null, actionPolicy: TWICE }),
]);

const ASKED = { type: 'cancel', reason: null, actor: 'ann' } as const;

export const kindCases: readonly StoreCase[] = [
  promise(
    'a deadline that comes while the pivot runs, or after it, is reported until it is dealt with, and then no more',
    async ({ store, advance }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(PIVOT, { deadlineMs: 100 * SECOND });
      await scenario.perform(sagaId, action(0));
      const claim = await scenario.claim(sagaId, action(1), { leaseMs: 10_000 * SECOND });
      await advance(110 * SECOND);
      same((await scenario.sweep()).deadlines, [sagaId]);
      assert.equal((await scenario.apply(sagaId, { type: 'deadline' })).kind, 'applied');
      same((await scenario.find(sagaId)).saga.turning, { kind: 'deadline' });
      await advance(RESEND_MS + SECOND);
      same((await scenario.sweep()).deadlines, []);
      await scenario.complete(claim, {}, null);
      const { saga } = await scenario.find(sagaId);
      same([saga.state, saga.pastPivot, saga.attention, saga.turning], ['started', true, true, { kind: 'deadline' }]);
      await advance(RESEND_MS + SECOND);
      same((await scenario.sweep()).deadlines, []);
      // There is no way back, so what is left is begun although the deadline has passed.
      await scenario.perform(sagaId, action(2));
      assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
    },
  ),

  promise('a deadline after the pivot raises attention once, and the saga goes on', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(PIVOT, { deadlineMs: 100 * SECOND });
    await scenario.perform(sagaId, action(0));
    await scenario.perform(sagaId, action(1));
    await advance(110 * SECOND);
    same((await scenario.sweep()).deadlines, [sagaId]);
    const result = await scenario.apply(sagaId, { type: 'deadline' });
    assert.ok(result.kind === 'applied' && result.effects.some((effect) => effect.type === 'attention' && effect.raised));
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).deadlines, []);
    await scenario.perform(sagaId, action(2));
    const { saga } = await scenario.find(sagaId);
    same([saga.state, saga.attention], ['completed', true]);
  }),

  promise(
    'a retriable operation is claimed however often it has failed or was lost, and says once that it takes long',
    async ({ store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(plan([step('a', { kind: 'retriable', compensation: null, actionPolicy: TWICE })]));
      const told: boolean[] = [];
      for (let attempt = 1; attempt <= 8; attempt++) {
        const claim = await scenario.claim(sagaId, action(0), { leaseMs: 0, alone: true });
        const isLost = attempt > 3;
        const result = await scenario.apply(sagaId, isLost ? leaseExpired(claim) : failed(claim, { retryable: false }), { graceMs: 0 });
        assert.ok(result.kind === 'applied');
        told.push(...result.effects.flatMap((effect) => (effect.type === 'attention' ? [effect.raised] : [])));
      }
      same(told, [true]);
      await scenario.perform(sagaId, action(0));
      const { saga } = await scenario.find(sagaId);
      same([saga.state, saga.attention], ['completed', false]);
    },
  ),

  promise('a pivot of unknown outcome stops the saga, and whoever says how it ended sends it on', async ({ store }) => {
    const scenario = new Scenario(store);
    for (const kind of ['completed', 'failed'] as const) {
      const sagaId = await scenario.start(PIVOT);
      await scenario.perform(sagaId, action(0));
      const claim = await scenario.claim(sagaId, action(1));
      await scenario.apply(sagaId, { ...failed(claim, { retryable: false }), outcome: 'unknown' } as Parameters<Scenario['apply']>[1]);
      const stuck = (await scenario.find(sagaId)).saga;
      same([stuck.state, stuck.operations.get(operationKey(action(1)))?.state], ['stuck', 'unknown']);
      const result = kind === 'completed' ? { kind, output: 1 } : { kind, error: { code: 'NO', message: 'it was not charged' } };
      await scenario.apply(sagaId, { type: 'reported', operation: action(1), result, actor: 'ann' });
      const { saga } = await scenario.find(sagaId);
      same([saga.state, saga.pastPivot], kind === 'completed' ? ['started', true] : ['compensating', false]);
      if (kind === 'completed') await scenario.perform(sagaId, action(2));
    }
  }),

  promise(
    'a step that is tried until it completes keeps its time when somebody outside says that it failed',
    async ({ store, advance }) => {
      const scenario = new Scenario(store);
      const retry = { attempts: 2, backoff: 'fixed', baseMs: 100 * SECOND, maxMs: 100 * SECOND } as const;
      const said = {
        type: 'called-back',
        operation: action(0),
        result: { kind: 'failed', error: { code: 'NO', message: 'not today' } },
      } as const;
      const sagaId = await scenario.start(plan([step('a', { kind: 'retriable', compensation: null, actionPolicy: { ...TWICE, retry } })]));
      const claim = await scenario.claim(sagaId, action(0));
      const together = [failed(claim), said].map((event) => ({ sagaId, event, resendMs: RESEND_MS }));
      for (const { kind } of await store.apply(together, transition)) assert.equal(kind, 'applied');
      same(await scenario.tryClaim(sagaId, action(0)), { kind: 'refused', reason: 'not-claimable' });
      same((await scenario.sweep()).wakeUps, []);
      await advance(101 * SECOND);
      assert.equal((await scenario.sweep()).wakeUps.length, 1);
      const again = await scenario.claim(sagaId, action(0));
      await scenario.apply(sagaId, failed(again), { basis: again.basis });
      assert.equal((await scenario.apply(sagaId, said)).kind, 'applied');
      await advance(101 * SECOND);
      await scenario.perform(sagaId, action(0));
      assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
    },
  ),

  promise('a worker beside the pivot of a stuck saga may go on', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(
      plan([
        step('pivot', { kind: 'pivot', compensation: null }),
        step('beside', { kind: 'retriable', compensation: null, actionPolicy: TWICE }),
      ]),
    );
    const [pivot, beside] = [await scenario.claim(sagaId, action(0)), await scenario.claim(sagaId, action(1))];
    await scenario.apply(sagaId, { ...failed(pivot, { retryable: false }), outcome: 'unknown' } as Parameters<Scenario['apply']>[1]);
    const { operation, claimId } = beside;
    same(
      await store.heartbeat([{ sagaId, operation: action(1), fence: operation.fence, claimId, leaseMs: 60 * SECOND, timedOut: false }]),
      [{ held: true, wanted: true }],
    );
    await scenario.apply(sagaId, failed(beside));
    same(await scenario.tryClaim(sagaId, action(1)), { kind: 'refused', reason: 'wrong-direction' });
    await scenario.apply(sagaId, { type: 'reported', operation: action(0), result: { kind: 'completed', output: null }, actor: null });
    await scenario.perform(sagaId, action(1));
    assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
  }),

  promise('a wish to turn back is kept while the pivot runs, and fulfilled when it fails', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(PIVOT);
    await scenario.perform(sagaId, action(0));
    const claim = await scenario.claim(sagaId, action(1));
    await scenario.apply(sagaId, ASKED);
    same((await scenario.find(sagaId)).saga.turning, { kind: 'asked', reason: null, actor: 'ann' });
    await scenario.apply(sagaId, failed(claim));
    const { saga } = await scenario.find(sagaId);
    same([saga.state, saga.cause, saga.turning], ['compensating', { kind: 'asked', reason: null, actor: 'ann' }, null]);
  }),

  promise('a step that finishes its saga skips what has not begun, and the saga keeps which step it was', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const result = await scenario.apply(
      sagaId,
      { ...completed(claim, { early: true }), finishes: true } as Parameters<Scenario['apply']>[1],
      {
        basis: claim.basis,
      },
    );
    assert.ok(result.kind === 'applied');
    const { saga, steps } = await scenario.find(sagaId);
    same([saga.state, saga.finishedBy, steps[0]?.output], ['completed', 0, { early: true }]);
    assert.equal(saga.operations.get(operationKey(action(1)))?.state, 'skipped');
  }),
];
