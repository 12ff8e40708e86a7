import assert from 'node:assert/strict';
import { promise, type StoreCase } from './store-contract.fixture';
import { isDate, same } from './store-contract.same';
import { action, RESEND_MS, Scenario, SECOND, TWO_STEPS, undo } from './store-contract.scenario';

const ANN = { reason: 'the provider is down', actor: 'ann' } as const;
const BOB = { reason: 'again', actor: 'bob' } as const;
const PAUSED = { kind: 'refused', reason: 'paused' } as const;

export const pauseCases: readonly StoreCase[] = [
  promise('a paused action is claimed in no saga, its undo is, and a resumed one is claimed again', async ({ store }) => {
    const scenario = new Scenario(store);
    const [one, other] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
    await scenario.perform(one, action(0));
    await store.pauseAction('do.a', ANN);
    same(await scenario.tryClaim(other, action(0)), PAUSED);
    await scenario.fail(await scenario.claim(one, action(1)));
    await scenario.perform(one, undo(0));
    await store.resumeAction('do.a', BOB);
    await scenario.claim(other, action(0));
  }),

  promise('an action that is claimed when it is paused still reports', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await store.pauseAction('do.a', ANN);
    assert.equal((await scenario.complete(claim)).kind, 'applied');
    await scenario.claim(sagaId, action(1));
  }),

  promise('paused actions are listed with who paused them and why, and the first word stays', async ({ store }) => {
    same(await store.pausedActions(), []);
    await store.pauseAction('do.b', ANN);
    await store.pauseAction('do.a', BOB);
    await Promise.all([store.pauseAction('do.b', BOB), store.pauseAction('do.b', BOB)]);
    const pauses = await store.pausedActions();
    same(
      pauses.map(({ action: key, reason, actor }) => [key, reason, actor]),
      [
        ['do.b', ANN.reason, ANN.actor],
        ['do.a', BOB.reason, BOB.actor],
      ],
    );
    assert.ok(pauses.every(({ at }) => isDate(at)));
    await store.resumeAction('do.b', BOB);
    await store.resumeAction('do.b', BOB);
    await store.resumeAction('nothing', { reason: null, actor: null });
    same(
      (await store.pausedActions()).map(({ action: key }) => key),
      ['do.a'],
    );
    await store.pauseAction('do.b', { reason: null, actor: null });
    same(
      (await store.pausedActions()).map(({ action: key, actor }) => [key, actor]),
      [
        ['do.a', 'bob'],
        ['do.b', null],
      ],
    );
  }),

  promise('a sweep wakes nobody for a paused action, and what waited is due at once when it is resumed', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const [one, other] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
    await scenario.perform(other, action(0));
    await store.pauseAction('do.a', ANN);
    for (let resends = 0; resends < 4; resends++) {
      await advance(8 * RESEND_MS + SECOND);
      same(
        (await scenario.sweep()).wakeUps.map(({ key }) => key),
        ['do.b'],
      );
    }
    const before = (await scenario.find(one)).saga.rev;
    await store.resumeAction('do.a', BOB);
    same((await scenario.sweep()).wakeUps, [{ sagaId: one, operation: action(0), key: 'do.a', resends: 0 }]);
    assert.equal((await scenario.find(one)).saga.rev, before);
  }),

  promise('what nobody could claim for long is due at once when somebody comes who has its handler', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    for (let sweeps = 0; sweeps < 5; sweeps++) {
      await advance(RESEND_MS * 2 ** sweeps);
      same((await scenario.sweep()).wakeUps.length, 1);
    }
    same((await scenario.sweep()).wakeUps, []);
    await store.rouse(['something.else']);
    same((await scenario.sweep()).wakeUps, []);
    await store.rouse(['do.a', 'something.else']);
    same((await scenario.sweep()).wakeUps, [{ sagaId, operation: action(0), key: 'do.a', resends: 0 }]);
  }),

  promise('an operation between two attempts keeps its time when its action is resumed', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.fail(await scenario.claim(sagaId, action(0)), { retryable: true, retryAfterMs: 100 * SECOND });
    await store.pauseAction('do.a', ANN);
    await store.resumeAction('do.a', BOB);
    same((await scenario.sweep()).wakeUps, []);
    await advance(95 * SECOND);
    same((await scenario.sweep()).wakeUps, []);
    await advance(6 * SECOND);
    same((await scenario.sweep()).wakeUps, [{ sagaId, operation: action(0), key: 'do.a', resends: 0 }]);
  }),

  promise('what waits for a resumed action is found in more sagas than one batch has', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const ids = await Promise.all(Array.from({ length: 520 }, () => scenario.start(TWO_STEPS)));
    await store.pauseAction('do.a', ANN);
    await advance(RESEND_MS + SECOND);
    same((await scenario.sweep({ limit: 1_000 })).wakeUps, []);
    await store.resumeAction('do.a', BOB);
    const { wakeUps } = await scenario.sweep({ limit: 1_000 });
    same(wakeUps.map(({ sagaId }) => sagaId).sort(), ids.sort());
  }),

  promise('nothing of a paused saga is claimed or woken, in either direction, and its deadline waits', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const forward = await scenario.start(TWO_STEPS, { deadlineMs: 100 * SECOND });
    const back = await scenario.start(TWO_STEPS);
    await scenario.perform(back, action(0));
    await scenario.fail(await scenario.claim(back, action(1)));
    for (const sagaId of [forward, back]) await scenario.apply(sagaId, { type: 'pause', ...ANN });
    same(await scenario.tryClaim(forward, action(0)), PAUSED);
    same(await scenario.tryClaim(back, undo(0)), PAUSED);
    await advance(200 * SECOND);
    const paused = await scenario.sweep();
    same([paused.wakeUps, paused.deadlines], [[], []]);
    for (const [sagaId, key] of [
      [forward, 'do.a'],
      [back, 'undo.a'],
    ] as const) {
      const resumed = await scenario.apply(sagaId, { type: 'resume', ...BOB });
      const sent = resumed.kind === 'applied' ? resumed.effects.filter((effect) => effect.type === 'dispatch') : [];
      same(
        sent.map((effect) => effect.key),
        [key],
      );
    }
    same((await scenario.sweep()).deadlines, [forward]);
    await scenario.claim(back, undo(0));
  }),

  promise('what runs when its saga is paused reports, and what follows it waits for the resume', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await scenario.apply(sagaId, { type: 'pause', ...ANN });
    assert.equal((await scenario.complete(claim)).kind, 'applied');
    same(await scenario.tryClaim(sagaId, action(1)), PAUSED);
    await scenario.apply(sagaId, { type: 'resume', ...BOB });
    await scenario.perform(sagaId, action(1));
    assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
  }),

  promise('a pause ends with the saga', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    const claim = await scenario.claim(sagaId, action(1));
    await scenario.apply(sagaId, { type: 'pause', ...ANN });
    await scenario.complete(claim);
    const { saga } = await scenario.find(sagaId);
    same([saga.state, saga.paused], ['completed', false]);
  }),
];
