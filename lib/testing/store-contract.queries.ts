import assert from 'node:assert/strict';
import type { HandlerDeclaration } from '../core/handler-declaration';
import { ACTIVE_STATES, type SagaState } from '../core/saga-value';
import { promise, type StoreCase } from './store-contract.fixture';
import { isDate, same } from './store-contract.same';
import { action, plan, Scenario, SECOND, step, TWO_STEPS, undo } from './store-contract.scenario';

export const queryCases: readonly StoreCase[] = [
  promise('a saga that is not there is not found', async ({ store }) => {
    assert.equal(await store.find('nobody'), null);
    same(await store.states(['nobody']), new Map());
    same(await store.states([]), new Map());
    same(await store.history('nobody'), []);
    assert.equal(await store.delete('nobody'), 'missing');
  }),

  promise('sagas are listed newest first, by state, by name, and page by page', async ({ store }) => {
    const scenario = new Scenario(store);
    // Ids in the opposite order: they carry other clocks than the store's.
    const ids = ['e', 'd', 'c', 'b', 'a'];
    for (const [n, sagaId] of ids.entries()) await scenario.start(plan([step('a')], n % 2 === 0 ? 'even' : 'odd'), { sagaId });
    await scenario.perform('c', action(0));
    const list = async (query: Partial<Parameters<typeof store.list>[0]>): Promise<string[]> =>
      (await store.list({ limit: 100, ...query })).map(({ saga }) => saga.id);
    same(await list({}), ['a', 'b', 'c', 'd', 'e']);
    same(await list({ limit: 2 }), ['a', 'b']);
    same(await list({ limit: 2, before: 'b' }), ['c', 'd']);
    same(await list({ states: ['completed'] }), ['c']);
    same(await list({ states: ACTIVE_STATES }), ['a', 'b', 'd', 'e']);
    same(await list({ states: ['started', 'completed'], name: 'even' }), ['a', 'c', 'e']);
    same(await list({ name: 'odd', before: 'b' }), ['d']);
    same(await list({ name: 'nothing' }), []);
    same(await list({ states: [] }), []);
    same((await store.list({ limit: 1 }))[0], await store.find('a'));
  }),

  promise('the states of many sagas are read at once', async ({ store }) => {
    const scenario = new Scenario(store);
    const [one, two] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
    await scenario.apply(two, { type: 'compensate', reason: null, actor: null });
    same(
      await store.states([one, two, 'nobody']),
      new Map<string, SagaState>([
        [one, 'started'],
        [two, 'failed'],
      ]),
    );
  }),

  promise('how far many sagas are is read at once, and what happened last', async ({ store }) => {
    const scenario = new Scenario(store);
    same(await store.glance([]), new Map());
    const [one, two] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
    const at = async (sagaId: string): Promise<unknown> => (await store.glance([sagaId, 'nobody'])).get(sagaId);
    same(await at(one), { state: 'started', rev: 1, openActions: 2, openUndos: 0, step: null });
    await scenario.perform(one, action(0));
    same(await at(one), { state: 'started', rev: 3, openActions: 1, openUndos: 0, step: 0 });
    await scenario.fail(await scenario.claim(one, action(1)));
    same(await at(one), { state: 'compensating', rev: 5, openActions: 0, openUndos: 1, step: 1 });
    await scenario.perform(one, undo(0));
    same(await at(one), { state: 'compensated', rev: 7, openActions: 0, openUndos: 0, step: 0 });
    same([...(await store.glance([one, two, 'nobody'])).keys()].sort(), [one, two].sort());
  }),

  promise('a purge removes what ended long enough ago, in batches, and keeps business keys', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const ended: string[] = [];
    for (const key of ['k1', 'k2', 'k3']) {
      const sagaId = await scenario.start(plan([step('a')]), { businessKey: { key, fingerprint: 'f' } });
      await scenario.perform(sagaId, action(0));
      ended.push(sagaId);
    }
    const running = await scenario.start(TWO_STEPS);
    const message = { source: 'q', reason: 'r', messageId: null, bodyHead: new Uint8Array([1]), bodySize: 1 };
    await store.quarantine(message);
    await advance(10_000);
    const recent = await scenario.start(plan([step('a')]));
    await scenario.perform(recent, action(0));
    await store.quarantine(message);

    same(await store.purge({ finishedMs: null, quarantinedMs: null, limit: 10 }), { sagas: 0, messages: 0 });
    same(await store.purge({ finishedMs: 5_000, quarantinedMs: 5_000, limit: 2 }), { sagas: 2, messages: 1 });
    same(await store.purge({ finishedMs: 5_000, quarantinedMs: 5_000, limit: 2 }), { sagas: 1, messages: 0 });
    same(
      await store.states([...ended, running, recent]),
      new Map([
        [running, 'started'],
        [recent, 'completed'],
      ]),
    );
    for (const sagaId of ended) same(await store.history(sagaId), []);
    const again = await scenario.startWithKey(plan([step('a')]), 'k1', 'f');
    same(again, { kind: 'existing', sagaId: ended[0], state: 'completed', purged: true });
  }),

  promise('delete refuses an active saga', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    same(await store.delete(sagaId), { active: 'started' });
    await scenario.perform(sagaId, action(0));
    await scenario.fail(await scenario.claim(sagaId, action(1)));
    same(await store.delete(sagaId), { active: 'compensating' });
    await scenario.fail(await scenario.claim(sagaId, undo(0)));
    same(await store.delete(sagaId), { active: 'stuck' });
    assert.equal((await scenario.find(sagaId)).saga.state, 'stuck');
  }),

  promise('a deleted saga is gone', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a')]));
    const claim = await scenario.perform(sagaId, action(0));
    assert.equal(await store.delete(sagaId), 'deleted');
    assert.equal(await store.delete(sagaId), 'missing');
    assert.equal(await store.find(sagaId), null);
    same(await store.list({ limit: 10 }), []);
    same(await store.history(sagaId), []);
    same(await scenario.complete(claim), { kind: 'missing' });
    same(await scenario.tryClaim(sagaId, action(0)), { kind: 'refused', reason: 'missing' });
  }),

  promise('history has one row per rev without gaps', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.fail(await scenario.claim(sagaId, action(1)));
    await scenario.fail(await scenario.claim(sagaId, undo(0)));
    await scenario.apply(sagaId, { type: 'compensate', reason: 'again', actor: 'ann' });
    await scenario.perform(sagaId, undo(0));
    const history = await store.history(sagaId);
    same(
      history.map(({ rev, kind, state, step: name, direction }) => [rev, kind, state, name, direction]),
      [
        [1, 'start', 'started', null, null],
        [2, 'claim', 'started', 'a', 'action'],
        [3, 'completed', 'started', 'a', 'action'],
        [4, 'claim', 'started', 'b', 'action'],
        [5, 'failed', 'compensating', 'b', 'action'],
        [6, 'claim', 'compensating', 'a', 'undo'],
        [7, 'failed', 'stuck', 'a', 'undo'],
        [8, 'compensate', 'compensating', 'a', 'undo'],
        [9, 'claim', 'compensating', 'a', 'undo'],
        [10, 'completed', 'compensated', 'a', 'undo'],
      ],
    );
    assert.equal((await scenario.find(sagaId)).saga.rev, history.length);
    const [, claim, , , failure, , , asked] = history;
    same([claim?.round, claim?.fence, claim?.attempt, claim?.error], [1, 1, 1, null]);
    same(failure?.error, { code: 'BROKEN', message: 'it broke' });
    same([asked?.actor, asked?.reason], ['ann', 'again']);
    assert.ok(history.every(({ at }, n) => isDate(at) && at >= (history[n - 1]?.at ?? at)));
  }),

  promise('handlers are kept by group, and the newest declaration of one counts', async ({ store, advance }) => {
    const handler = (key: string, timeoutMs: number): HandlerDeclaration => ({
      direction: 'action',
      key,
      undoes: null,
      policy: { timeoutMs },
    });
    const refund: HandlerDeclaration = { direction: 'undo', key: 'a', undoes: 'a', policy: {} };
    await store.writeHandlers('one', [handler('a', 1), handler('b', 1), refund]);
    await advance(100 * SECOND);
    await store.writeHandlers('one', [handler('a', 2)]);
    await store.writeHandlers('two', [handler('a', 3)]);
    await store.writeHandlers('three', []);
    const stored = await store.readHandlers();
    const seen = stored.map(({ group, declaration: { direction, key, policy } }) =>
      [group, direction, key, policy.timeoutMs ?? null].join(' '),
    );
    same(seen.sort(), ['one action a 2', 'one action b 1', 'one undo a ', 'two action a 3']);
    same(stored.find(({ declaration }) => declaration.direction === 'undo')?.declaration, refund);
    const unseenMs = (key: string): number =>
      stored.find(({ group, declaration }) => group === 'one' && declaration.key === key)?.unseenMs ?? -1;
    assert.ok(unseenMs('b') >= 100 * SECOND);
    const fresh = stored.find(({ declaration }) => declaration.policy.timeoutMs === 2)?.unseenMs ?? -1;
    assert.ok(fresh >= 0 && fresh < 50 * SECOND);
    const left = async (): Promise<readonly string[]> => (await store.readHandlers()).filter((row) => row.left).map(({ group }) => group);
    await store.leaveHandlers('one');
    same(await left(), ['one', 'one', 'one']);
    await store.writeHandlers('one', [handler('a', 2), handler('b', 1)]);
    same(await left(), ['one']);
  }),

  promise('any message that nobody understood can be kept', async ({ store }) => {
    const bodyHead = new Uint8Array(65_536).fill(0);
    await store.quarantine({ source: 'saga.steps', reason: 'not \u0000 JSON', messageId: null, bodyHead, bodySize: 1_000_000 });
    await store.quarantine({ source: 'saga.steps', reason: 'too long', messageId: '\ud800', bodyHead: new Uint8Array(0), bodySize: 0 });
  }),
];
