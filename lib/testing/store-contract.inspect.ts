import assert from 'node:assert/strict';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, LEASE_MS, plan, RESEND_MS, Scenario, SECOND, step, TWO_STEPS } from './store-contract.scenario';

const close = (actual: number | null | undefined, expected: number): void =>
  assert.ok(typeof actual === 'number' && Math.abs(actual - expected) < 5 * SECOND, `${actual} is not about ${expected}`);

export const inspectCases: readonly StoreCase[] = [
  promise('a saga that is not there is not inspected', async ({ store }) => {
    assert.equal(await store.inspect('nobody'), null);
  }),

  promise('an inspected saga is the one that is found, with its deadline and the pauses of its actions', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS, { deadlineMs: 100 * SECOND });
    await store.pauseAction('do.b', { reason: 'why', actor: 'ann' });
    await store.pauseAction('do.c', { reason: null, actor: null });
    const inspected = await store.inspect(sagaId);
    same(inspected?.stored, await store.find(sagaId));
    close(inspected?.deadlineInMs, 100 * SECOND);
    same(
      inspected?.pausedActions.map(({ action: key, reason, actor }) => [key, reason, actor]),
      [['do.b', 'why', 'ann']],
    );
    assert.equal((await store.inspect(await scenario.start(TWO_STEPS)))?.deadlineInMs, null);
  }),

  promise('what has not settled is inspected with its times, and what runs with its worker', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b'), step('c'), step('d', { dependsOn: [0] })]));
    await scenario.claim(sagaId, action(1), { worker: 'host-7' });
    await scenario.fail(await scenario.claim(sagaId, action(2)), { retryable: true, retryAfterMs: 100 * SECOND });
    await advance(RESEND_MS + SECOND);
    await scenario.sweep();
    const of = async (place: number) => (await store.inspect(sagaId))?.operations.get(`action:${place}:1`);
    const [due, running, retrying, waiting] = [await of(0), await of(1), await of(2), await of(3)];
    same([due?.dueInMs, due?.resends, due?.leaseInMs, due?.worker], [null, 1, null, null]);
    close(due?.sendInMs, RESEND_MS);
    same([running?.dueInMs, running?.sendInMs, running?.worker], [null, null, 'host-7']);
    close(running?.leaseInMs, LEASE_MS - RESEND_MS);
    close(retrying?.dueInMs, 100 * SECOND - RESEND_MS);
    same([retrying?.leaseInMs, retrying?.worker], [null, null]);
    same(waiting, { dueInMs: null, sendInMs: null, resends: 0, leaseInMs: null, worker: null });
    await advance(100 * SECOND);
    assert.ok(((await of(1))?.leaseInMs ?? 0) < 0);
  }),

  promise('what has settled is not waited for', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.perform(sagaId, action(1));
    assert.equal((await store.inspect(sagaId))?.operations.size, 0);
  }),
];
