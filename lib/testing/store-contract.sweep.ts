import assert from 'node:assert/strict';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import {
  action,
  GRACE_MS,
  LEASE_MS,
  leaseExpired,
  plan,
  RESEND_MS,
  Scenario,
  SECOND,
  step,
  TWO_STEPS,
  undo,
} from './store-contract.scenario';

export const sweepCases: readonly StoreCase[] = [
  promise('a sweep of a store with nothing in it finds nothing', async ({ store }) => {
    same(await new Scenario(store).sweep(), { wakeUps: [], expired: [], waits: [], deadlines: [], nextInMs: null });
  }),

  promise('a sweep finds what nobody claimed, pushes it back and does not raise rev', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const early = await scenario.sweep();
    same(early.wakeUps, []);
    assert.ok(early.nextInMs !== null && early.nextInMs <= RESEND_MS && early.nextInMs > RESEND_MS - 5 * SECOND);
    const found = { sagaId, operation: action(0), key: 'do.a' };
    // Each time it is found later: 1, 2, 4 times the delay, and then no longer than the longest one.
    for (const [resends, delays] of [1, 2, 4, 4].entries()) {
      await advance(resends === 0 ? RESEND_MS : SECOND);
      const sweep = await scenario.sweep({ resendMaxMs: 4 * RESEND_MS });
      same(sweep.wakeUps, [{ ...found, resends }]);
      assert.ok(sweep.nextInMs !== null && sweep.nextInMs <= delays * RESEND_MS && sweep.nextInMs > delays * RESEND_MS - 5 * SECOND);
      same((await scenario.sweep()).wakeUps, []);
      await advance(delays * RESEND_MS - SECOND * 5);
      same((await scenario.sweep()).wakeUps, []);
      await advance(SECOND * 4);
    }
    assert.equal((await scenario.find(sagaId)).saga.rev, 1);
    await scenario.claim(sagaId, action(0));
  }),

  promise('what was claimed or has settled is not found', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.claim(sagaId, action(1));
    await advance(RESEND_MS + SECOND);
    const sweep = await scenario.sweep();
    same([sweep.wakeUps, sweep.expired], [[], []]);
    assert.ok(sweep.nextInMs !== null && sweep.nextInMs > 0);
  }),

  promise('the next operation is found one delay after it was started', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).wakeUps, [{ sagaId, operation: action(1), key: 'do.b', resends: 0 }]);
  }),

  promise(
    'an operation between two attempts is found at its time, and may still be claimed after it was found',
    async ({ store, advance }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(TWO_STEPS);
      await scenario.fail(await scenario.claim(sagaId, action(0)), { retryable: true, retryAfterMs: 100 * SECOND });
      await advance(95 * SECOND);
      same((await scenario.sweep()).wakeUps, []);
      await advance(6 * SECOND);
      same((await scenario.sweep()).wakeUps, [{ sagaId, operation: action(0), key: 'do.a', resends: 0 }]);
      same((await scenario.sweep()).wakeUps, []);
      await scenario.claim(sagaId, action(0));
    },
  ),

  promise('a sweep reports a lease whose grace is over, until it is taken away', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await advance(LEASE_MS + SECOND);
    const early = await scenario.sweep();
    same([early.expired, early.wakeUps], [[], []]);
    assert.ok(early.nextInMs !== null && early.nextInMs <= GRACE_MS);
    await advance(GRACE_MS);
    const expired = async () =>
      (await scenario.sweep()).expired.map(({ elapsedMs, ...lease }) => ({ ...lease, isOld: elapsedMs >= LEASE_MS }));
    const lease = { sagaId, operation: action(0), fence: 1, claimId: claim.claimId, isOld: true };
    same(await expired(), [lease]);
    // Whoever found it may have died before acting.
    await advance(RESEND_MS + SECOND);
    same(await expired(), [lease]);
    await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS });
    await advance(RESEND_MS + SECOND);
    const after = await scenario.sweep();
    same([after.expired, after.wakeUps.length], [[], 1]);
  }),

  promise('a lease that is extended again and again is never reported', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const { claimId } = await scenario.claim(sagaId, action(0));
    for (let beats = 0; beats < 5; beats++) {
      await advance(LEASE_MS - 10 * SECOND);
      await store.heartbeat([{ sagaId, operation: action(0), fence: 1, claimId, leaseMs: LEASE_MS, timedOut: false }]);
      same((await scenario.sweep()).expired, []);
    }
  }),

  promise('what becomes due earlier than the last sweep thought is found in its time', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await advance(RESEND_MS + SECOND);
    // From here on nothing seems due before the lease and its grace are over.
    same((await scenario.sweep()).wakeUps, []);
    await scenario.complete(claim);
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).wakeUps, [{ sagaId, operation: action(1), key: 'do.b', resends: 0 }]);
  }),

  promise('a sweep reports the deadline of a saga that still goes forward', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const [forward, back] = [
      await scenario.start(TWO_STEPS, { deadlineMs: 100 * SECOND }),
      await scenario.start(TWO_STEPS, { deadlineMs: 100 * SECOND }),
    ];
    await scenario.perform(back, action(0));
    await scenario.apply(back, { type: 'compensate', reason: null, actor: null });
    await advance(90 * SECOND);
    same((await scenario.sweep()).deadlines, []);
    await advance(20 * SECOND);
    same((await scenario.sweep()).deadlines, [forward]);
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).deadlines, [forward]);
    await scenario.apply(forward, { type: 'deadline' });
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).deadlines, []);
    assert.equal((await scenario.find(forward)).saga.cause?.kind, 'deadline');
  }),

  promise('the wake-up of an undo is found like that of an action', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.fail(await scenario.claim(sagaId, action(1)));
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep()).wakeUps, [{ sagaId, operation: undo(0), key: 'undo.a', resends: 0 }]);
  }),

  promise('a sweep takes no more sagas than it is asked for, and none is forgotten', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const ids = [];
    for (let n = 0; n < 5; n++) ids.push(await scenario.start(plan([step('a'), step('b')])));
    await advance(RESEND_MS + SECOND);
    const found: string[] = [];
    for (const expected of [2, 2, 1]) {
      const sweep = await scenario.sweep({ limit: 2 });
      const sagas = [...new Set(sweep.wakeUps.map(({ sagaId }) => sagaId))];
      assert.equal(sagas.length, expected);
      assert.equal(sweep.wakeUps.length, 2 * expected);
      if (expected === 2) assert.ok(sweep.nextInMs !== null && sweep.nextInMs < SECOND);
      found.push(...sagas);
    }
    same(found.sort(), ids.sort());
  }),

  promise('two sweeps at once do not find the same thing', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    for (let n = 0; n < 10; n++) await scenario.start(TWO_STEPS);
    await advance(RESEND_MS + SECOND);
    const sweeps = await Promise.all([scenario.sweep(), scenario.sweep(), scenario.sweep()]);
    const found = sweeps.flatMap(({ wakeUps }) => wakeUps.map(({ sagaId }) => sagaId));
    assert.equal(new Set(found).size, found.length);
    const rest = await scenario.sweep();
    assert.equal(found.length + rest.wakeUps.length, 10);
  }),
];
