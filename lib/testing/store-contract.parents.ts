import assert from 'node:assert/strict';
import { linkedUndo, neverBegun } from '../core/linked-undo';
import { startSaga } from '../core/forward';
import type { SagaParent } from '../core/saga-value';
import type { StartRequest } from '../ports/saga-start';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, comparable, Scenario, SECOND, startRequest, TWO_STEPS, undo } from './store-contract.scenario';

const CAUSE = { kind: 'asked', reason: 'its parent turned back', actor: null } as const;
const ONLY = { attention: false, limit: 10 } as const;

function childRequest(sagaId: string, parent: SagaParent): StartRequest {
  return { ...startRequest(TWO_STEPS, { sagaId }), ...startSaga(TWO_STEPS, sagaId, parent) };
}

async function completed(scenario: Scenario, sagaId: string): Promise<void> {
  await scenario.perform(sagaId, action(0), { of: 'a' });
  await scenario.perform(sagaId, action(1), { of: 'b' });
}

export const parentCases: readonly StoreCase[] = [
  promise('a saga keeps who has started it, and is found by that', async ({ store }) => {
    const scenario = new Scenario(store);
    await scenario.start(TWO_STEPS, { sagaId: 'p' });
    const parent = { sagaId: 'p', step: 1 };
    await store.start(childRequest('c1', parent));
    await store.start(childRequest('c2', { ...parent, undoes: 'c1' }));
    await store.start(childRequest('other', { sagaId: 'q', step: 0 }));
    same((await scenario.find('c1')).saga.parent, parent);
    same((await scenario.claim('c2', action(0))).basis.saga.parent, { ...parent, undoes: 'c1' });
    const found = async (more: object): Promise<readonly string[]> =>
      (await store.list({ ...ONLY, parent: 'p', ...more })).map(({ saga }) => saga.id);
    same(await found({}), ['c2', 'c1']);
    same(await found({ limit: 1 }), ['c2']);
    same(await found({ before: 'c2' }), ['c1']);
    same(await found({ states: ['completed'] }), []);
    same(await found({ parent: 'nobody' }), []);
  }),

  promise('a saga may start on its way back, with what another has done', async ({ store }) => {
    const scenario = new Scenario(store);
    await scenario.start(TWO_STEPS, { sagaId: 'done' });
    await completed(scenario, 'done');
    const done = await scenario.find('done');
    const outputs = done.steps.map(({ output }) => output);
    const begun = linkedUndo(done.plan, done.saga, outputs, 'linked', { sagaId: 'p', step: 0, undoes: 'done' }, CAUSE);
    assert.ok(begun);
    await store.start({ ...startRequest(TWO_STEPS, { sagaId: 'linked' }), ...begun, laidOver: { set: 'by a handler' } });
    const linked = await scenario.find('linked');
    same(comparable(linked.saga), comparable(begun.saga));
    same(
      linked.steps.map(({ output }) => output),
      outputs,
    );
    assert.equal(linked.completedAt, null);
    const claim = await scenario.claim('linked', undo(1));
    same([claim.actionOutput, claim.input, claim.laidOver], [{ of: 'b' }, { of: 1 }, { set: 'by a handler' }]);
    await scenario.complete(claim);
    await scenario.perform('linked', undo(0));
    assert.equal((await scenario.find('linked')).saga.state, 'compensated');
    assert.equal((await store.history('linked'))[0]?.state, 'compensating');
  }),

  promise('the undo of a saga that starts on its way back is found, should its wake-up be lost', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    await scenario.start(TWO_STEPS, { sagaId: 'done' });
    await completed(scenario, 'done');
    const { plan: of, saga } = await scenario.find('done');
    const begun = linkedUndo(of, saga, [], 'linked', { sagaId: 'p', step: 0, undoes: 'done' }, CAUSE);
    assert.ok(begun);
    await store.start({ ...startRequest(TWO_STEPS, { sagaId: 'linked' }), ...begun });
    await advance(60 * SECOND);
    const { wakeUps } = await scenario.sweep();
    same(
      wakeUps.map(({ sagaId, key }) => [sagaId, key]),
      [['linked', 'undo.b']],
    );
  }),

  promise('a saga may start as one that has ended: it holds the place of another', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const never = neverBegun(TWO_STEPS, 'never', { sagaId: 'p', step: 0 }, CAUSE);
    const key = { key: 'k', fingerprint: 'f' };
    await store.start({ ...startRequest(TWO_STEPS, { sagaId: 'never', businessKey: key }), ...never });
    const result = await store.start({ ...childRequest('late', { sagaId: 'p', step: 0 }), businessKey: key });
    same(result, { kind: 'existing', sagaId: 'never', state: 'failed', purged: false });
    const { saga, completedAt } = await scenario.find('never');
    same(comparable(saga), comparable(never.saga));
    assert.ok(completedAt);
    await advance(60 * SECOND);
    const { wakeUps, nextInMs } = await scenario.sweep();
    same([wakeUps, nextInMs], [[], null]);
    assert.equal((await scenario.tryClaim('never', action(0))).kind, 'refused');
  }),

  promise('a saga stays while one that it is a part of, however deep, may still have to undo it', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    await scenario.start(TWO_STEPS, { sagaId: 'top' });
    await store.start(childRequest('middle', { sagaId: 'top', step: 0 }));
    await store.start(childRequest('low', { sagaId: 'middle', step: 0 }));
    await completed(scenario, 'low');
    same(await store.delete('low'), { active: 'started', of: 'middle' });
    await completed(scenario, 'middle');
    same(await store.delete('low'), { active: 'started', of: 'top' });
    same(await store.delete('middle'), { active: 'started', of: 'top' });
    await advance(10 * SECOND);
    const purge = { finishedMs: SECOND, quarantinedMs: null, limit: 10 };
    same(await store.purge(purge), { sagas: 0, messages: 0 });
    await completed(scenario, 'top');
    assert.equal(await store.delete('low'), 'deleted');
    await advance(10 * SECOND);
    same(await store.purge(purge), { sagas: 2, messages: 0 });
  }),

  promise('a saga whose parent is gone is removed as any other', async ({ store }) => {
    const scenario = new Scenario(store);
    await store.start(childRequest('orphan', { sagaId: 'gone', step: 0 }));
    await completed(scenario, 'orphan');
    assert.equal(await store.delete('orphan'), 'deleted');
  }),
];
