import assert from 'node:assert/strict';
import type { SagaState } from '../core/saga-value';
import { promise, type StoreCase } from './store-contract.fixture';
import { isDate, same } from './store-contract.same';
import { action, comparable, plan, Scenario, SECOND, startRequest, step, TWO_STEPS } from './store-contract.scenario';

export const startCases: readonly StoreCase[] = [
  promise('a start is stored whole', async ({ store }) => {
    const given = startRequest(TWO_STEPS, { businessKey: { key: 'order:1', fingerprint: 'f' }, deadlineMs: 60 * SECOND });
    same(await store.start(given), { kind: 'started', committed: null });
    const found = await new Scenario(store).find(given.sagaId);
    same(found.plan, given.plan);
    same(comparable(found.saga), comparable(given.saga));
    assert.equal(found.saga.whole, true);
    same(found.context, given.context);
    same(found.metadata, given.metadata);
    assert.equal(found.businessKey, 'order:1');
    same(
      found.steps,
      given.steps.map((step) => ({ ...step, output: null, executedAt: null })),
    );
    assert.equal(found.completedAt, null);
    assert.ok(isDate(found.createdAt) && found.updatedAt >= found.createdAt);
  }),

  promise('data comes back as it was given', async ({ store }) => {
    const scenario = new Scenario(store);
    const odd = {
      '': null,
      text: '\u2028 "quoted" \\ é 🦊',
      numbers: [0, -1.5, 1e21, 9007199254740991],
      nested: [[{ a: [true, false, null] }]],
    };
    const given = startRequest(plan([step('a')]), { context: odd, metadata: null, steps: [{ stepId: 's', input: odd, references: [] }] });
    await store.start(given);
    const claim = await scenario.claim(given.sagaId, action(0));
    same(claim.input, odd);
    same(claim.context, odd);
    assert.equal(claim.metadata, null);
    await scenario.complete(claim, odd);
    same((await scenario.find(given.sagaId)).steps[0]?.output, odd);
  }),

  promise('the same business key never starts twice', async ({ store }) => {
    const scenario = new Scenario(store);
    const first = await scenario.startWithKey(TWO_STEPS, 'k', 'f', { sagaId: 'saga-1' });
    assert.equal(first.kind, 'started');
    const second = await scenario.startWithKey(TWO_STEPS, 'k', 'f', { sagaId: 'saga-2' });
    same(second, { kind: 'existing', sagaId: 'saga-1', state: 'started', purged: false });
    assert.equal(await store.find('saga-2'), null);
  }),

  promise('the same business key with another input is a conflict', async ({ store }) => {
    const scenario = new Scenario(store);
    await scenario.startWithKey(TWO_STEPS, 'k', 'f', { sagaId: 'saga-1' });
    same(await scenario.startWithKey(TWO_STEPS, 'k', 'other', { sagaId: 'saga-2' }), { kind: 'conflict', sagaId: 'saga-1' });
    assert.equal(await store.find('saga-2'), null);
  }),

  promise('business keys of different sagas do not meet', async ({ store }) => {
    const scenario = new Scenario(store);
    await scenario.startWithKey(TWO_STEPS, 'k', 'f');
    assert.equal((await scenario.startWithKey(plan([step('a')], 'other'), 'k', 'f')).kind, 'started');
  }),

  promise('the same business key never starts twice, even at once', async ({ store }) => {
    const scenario = new Scenario(store);
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, n) => scenario.startWithKey(TWO_STEPS, 'k', 'f', { sagaId: `saga-${n}` })),
    );
    assert.equal(results.filter(({ kind }) => kind === 'started').length, 1);
    const winner = results.findIndex(({ kind }) => kind === 'started');
    for (const result of results) {
      if (result.kind !== 'started') same(result, { kind: 'existing', sagaId: `saga-${winner}`, state: 'started', purged: false });
    }
    assert.equal((await store.list({ limit: 100 })).length, 1);
  }),

  promise('the same business key never starts twice, not even after the saga was deleted', async ({ store }) => {
    const scenario = new Scenario(store);
    await scenario.startWithKey(plan([step('a')]), 'k', 'f', { sagaId: 'saga-1' });
    await scenario.perform('saga-1', action(0));
    assert.equal(await store.delete('saga-1'), 'deleted');
    const again = await scenario.startWithKey(plan([step('a')]), 'k', 'f');
    same(again, { kind: 'existing', sagaId: 'saga-1', state: 'completed' satisfies SagaState, purged: true });
    same(await scenario.startWithKey(plan([step('a')]), 'k', 'other'), { kind: 'conflict', sagaId: 'saga-1' });
  }),

  promise('does not hand out live references', async ({ store }) => {
    const scenario = new Scenario(store);
    const context = { list: [1] };
    const input = { list: [1] };
    const sagaId = await scenario.start(plan([step('a')]), { context, steps: [{ stepId: 's', input, references: [] }] });
    context.list.push(2);
    input.list.push(2);
    const claim = await scenario.claim(sagaId, action(0));
    same([claim.input, claim.context], [{ list: [1] }, { list: [1] }]);
    scribbleOn(claim);
    const found = await scenario.find(sagaId);
    same([found.context, found.steps[0]?.input], [{ list: [1] }, { list: [1] }]);
    const before = structuredClone(found.saga);
    scribbleOn(found);
    scribbleOn(await store.list({ limit: 1 }));
    scribbleOn(await store.history(sagaId));
    same((await scenario.find(sagaId)).saga, before);
    same(
      (await store.history(sagaId)).map(({ kind }) => kind),
      ['start', 'claim'],
    );
  }),
];

/** Changes whatever can be changed, as deep as it goes. */
function scribbleOn(value: unknown): void {
  if (typeof value !== 'object' || value === null || isDate(value)) return;
  if (value instanceof Map) {
    for (const item of value.values()) scribbleOn(item);
    value.clear();
    return;
  }
  for (const key of Object.keys(value)) {
    scribbleOn((value as Record<string, unknown>)[key]);
    Reflect.deleteProperty(value, key);
  }
}
