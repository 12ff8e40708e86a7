import assert from 'node:assert/strict';
import type { SagaEvent } from '../core/event';
import type { JsonObject } from '../core/json';
import type { Claim } from '../ports/claim';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, completed, failed, leaseExpired, plan, Scenario, SECOND, startRequest, step, undo } from './store-contract.scenario';

/** Two side by side, then one after both, then another. */
const DIAMOND = plan([step('a'), step('b'), step('c', { dependsOn: [0, 1] }), step('d', { dependsOn: [2] })]);

/** What flows from step to step: outputs, the context that is laid over the given one, and conditions. */
export const dataCases: readonly StoreCase[] = [
  ...['short', 'long'].map((length) =>
    promise(`inputs that are ${length} come back as they were given`, async ({ store }) => {
      const scenario = new Scenario(store);
      const text = 'ä"\\{},'.repeat(length === 'short' ? 1 : 1_000);
      const inputs = [{ text }, null, [], 'text'];
      const references = [{ at: ['x'], step: 0, path: ['n'] }];
      const given = startRequest(DIAMOND);
      const steps = given.steps.map((of, place) => ({ ...of, input: inputs[place] ?? null, references: place === 3 ? references : [] }));
      await store.start({ ...given, steps });
      const claims = [];
      for (const place of [0, 1, 2, 3]) claims.push(await scenario.perform(given.sagaId, action(place), { n: place }));
      const { steps: found } = await scenario.find(given.sagaId);
      for (const [place, { stepId, input, references: refs }] of steps.entries()) {
        const expected = [stepId, input, refs];
        same([claims[place]?.stepId, claims[place]?.input, claims[place]?.references], expected);
        same([found[place]?.stepId, found[place]?.input, found[place]?.references], expected);
      }
    }),
  ),

  promise('outputs are those of the steps that have completed', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(DIAMOND);
    same(await store.outputs(sagaId, [0, 1, 2]), new Map());
    await scenario.perform(sagaId, action(0), { n: 1 });
    const b = await scenario.claim(sagaId, action(1));
    await scenario.apply(sagaId, skipped(b));
    same(await store.outputs(sagaId, [0, 1]), new Map([[0, { n: 1 }]]));
    await scenario.perform(sagaId, action(2), null);
    same(await store.outputs(sagaId, [2, 1]), new Map([[2, null]]));
    same(await store.outputs(sagaId, []), new Map());
    same(await store.outputs('nobody', [0]), new Map());
  }),

  promise('an output stays one while its step is undone', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(DIAMOND);
    await scenario.perform(sagaId, action(0), { n: 1 });
    await scenario.perform(sagaId, action(1), { n: 2 });
    await scenario.fail(await scenario.claim(sagaId, action(2)));
    await scenario.perform(sagaId, undo(1));
    same(
      await store.outputs(sagaId, [0, 1, 2]),
      new Map([
        [0, { n: 1 }],
        [1, { n: 2 }],
      ]),
    );
  }),

  promise('the output of an effect that came late is none that a step may build on', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b')]));
    const lost = await scenario.claim(sagaId, action(0), { leaseMs: 0 });
    await scenario.apply(sagaId, { type: 'compensate', reason: null, actor: null });
    await scenario.apply(sagaId, leaseExpired(lost), { graceMs: 0 });
    await scenario.claim(sagaId, undo(0)); // an undo that was tried may have come before the effect
    assert.equal((await scenario.apply(sagaId, completed(lost, { late: true }))).kind, 'applied');
    same((await scenario.find(sagaId)).steps[0]?.output, { late: true });
    same(await store.outputs(sagaId, [0]), new Map());
  }),

  promise('a claim carries the outputs that its condition looks at, and the defaults of its references', async ({ store }) => {
    const scenario = new Scenario(store);
    const given = startRequest(DIAMOND);
    const references = [
      { at: ['x'], step: 1, path: ['gone'], otherwise: null },
      { at: null, step: 0, path: [] },
    ];
    await store.start({ ...given, steps: given.steps.map((of, place) => (place === 2 ? { ...of, references } : of)) });
    await scenario.perform(given.sagaId, action(0), { n: 1 });
    await scenario.apply(given.sagaId, skipped(await scenario.claim(given.sagaId, action(1))));
    const claim = await scenario.claim(given.sagaId, action(2));
    same([claim.references, claim.outputs], [references, new Map([[0, { n: 1 }]])]);
  }),

  promise(
    'what a handler sets is laid over the context: later claims and undos see it, references mean what was given',
    async ({ store }) => {
      const scenario = new Scenario(store);
      const sagaId = await scenario.start(DIAMOND, { context: { customer: 7, total: 0 } });
      const a = await scenario.claim(sagaId, action(0));
      same(a.laidOver, null);
      await scenario.apply(sagaId, setting(a, { total: 3, deep: { a: 1 } }));
      await scenario.apply(sagaId, setting(await scenario.claim(sagaId, action(1)), { deep: { b: 2 } }));
      const c = await scenario.claim(sagaId, action(2));
      same(
        [c.context, c.laidOver],
        [
          { customer: 7, total: 0 },
          { total: 3, deep: { b: 2 } },
        ],
      );
      await scenario.fail(c);
      const undone = await scenario.claim(sagaId, undo(1));
      same(
        [undone.context, undone.laidOver],
        [
          { customer: 7, total: 0 },
          { total: 3, deep: { b: 2 } },
        ],
      );
      const found = await scenario.find(sagaId);
      same(
        [found.context, found.laidOver],
        [
          { customer: 7, total: 0 },
          { total: 3, deep: { b: 2 } },
        ],
      );
    },
  ),

  promise('steps side by side that set different names both count', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(DIAMOND);
    const [a, b] = [await scenario.claim(sagaId, action(0)), await scenario.claim(sagaId, action(1))];
    const results = await Promise.all([
      scenario.apply(sagaId, setting(a, { fromA: 1 }), { basis: a.basis }),
      scenario.apply(sagaId, setting(b, { fromB: 2 }), { basis: b.basis }),
    ]);
    same(
      results.map(({ kind }) => kind),
      ['applied', 'applied'],
    );
    same((await scenario.claim(sagaId, action(2))).laidOver, { fromA: 1, fromB: 2 });
  }),

  promise('a failed attempt sets nothing, and a report that comes twice sets once', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(DIAMOND);
    const first = await scenario.claim(sagaId, action(0));
    await scenario.apply(sagaId, failed(first, { retryable: true, retryAfterMs: 0 }));
    same((await scenario.find(sagaId)).laidOver, null);
    const second = await scenario.claim(sagaId, action(0));
    same((await scenario.apply(sagaId, setting(first, { attempt: 1 }))).kind, 'ignored');
    same((await scenario.apply(sagaId, setting(second, { attempt: 2 }))).kind, 'applied');
    same((await scenario.apply(sagaId, setting(second, { attempt: 3 }))).kind, 'ignored');
    same((await scenario.find(sagaId)).laidOver, { attempt: 2 });
  }),

  promise('a condition is asked in a process that has it, and once its answer was yes anywhere', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { condition: 'needed' })]));
    const refused = { kind: 'refused', reason: 'no-condition' };
    same(await scenario.tryClaim(sagaId, action(0), { conditions: [] }), refused);
    same(await scenario.tryClaim(sagaId, action(0), { conditions: ['other'] }), refused);
    const claim = await scenario.claim(sagaId, action(0), { conditions: ['other', 'needed'] });
    assert.equal(claim.operation.condition, 'needed');
    const admitted = await scenario.apply(sagaId, admit(claim), { basis: claim.basis });
    assert.ok(admitted.kind === 'applied');
    same(await scenario.apply(sagaId, admit(claim)), { kind: 'ignored', reason: 'stale', state: 'started' });
    // The attempt that asked goes on from what it was told.
    await scenario.apply(sagaId, failed(claim, { retryable: true, retryAfterMs: 0 }), { basis: admitted });
    assert.equal((await scenario.claim(sagaId, action(0), { conditions: [] })).operation.condition, null);
    const kinds = (await store.history(sagaId)).map(({ kind }) => kind);
    same(kinds, ['start', 'claim', 'admitted', 'failed', 'claim']);
  }),

  promise('what waits for a condition is due at once when a process comes that has it', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { condition: 'needed' })]));
    await advance(60 * SECOND);
    same((await scenario.sweep()).wakeUps.length, 1); // and is looked at again in a while
    same((await scenario.sweep()).wakeUps.length, 0);
    await store.rouse(['another']);
    same((await scenario.sweep()).wakeUps.length, 0);
    await store.rouse(['needed']);
    same(
      (await scenario.sweep()).wakeUps.map((wakeUp) => wakeUp.sagaId),
      [sagaId],
    );
  }),

  promise('why a step was skipped is in the history', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a')]));
    await scenario.apply(sagaId, skipped(await scenario.claim(sagaId, action(0))));
    const [entry] = (await store.history(sagaId)).slice(-1);
    same([entry?.kind, entry?.step, entry?.reason, entry?.state], ['skipped', 'a', 'context.n is missing', 'completed']);
  }),
];

function ofClaim({ operation: { step: place, direction, round, fence }, claimId }: Claim) {
  return { operation: { step: place, direction, round }, fence, claimId };
}

function skipped(claim: Claim): SagaEvent {
  return { type: 'skipped', ...ofClaim(claim), reason: 'context.n is missing', neverRan: true };
}

function admit(claim: Claim): SagaEvent {
  return { type: 'admitted', ...ofClaim(claim) };
}

function setting(claim: Claim, contextPatch: JsonObject): SagaEvent {
  return { ...completed(claim, null), contextPatch } as SagaEvent;
}
