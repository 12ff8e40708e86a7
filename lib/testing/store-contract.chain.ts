import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Json } from '../core/json';
import { linkedUndo } from '../core/linked-undo';
import type { SagaEvent } from '../core/event';
import type { OperationRef } from '../core/operation';
import type { Plan } from '../core/plan';
import type { ChainOffer, Claim, NewStep } from '../ports/claim';
import type { ApplyResult } from '../ports/report';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import {
  action,
  comparable,
  completed,
  failed,
  LEASE_MS,
  plan,
  Scenario,
  SECOND,
  startRequest,
  step,
  TWO_STEPS,
  undo,
  type StartInit,
} from './store-contract.scenario';

const ABC = plan([step('a'), step('b', { dependsOn: [0] }), step('c', { dependsOn: [0, 1] })]);

function offer(init: Partial<ChainOffer> = {}): ChainOffer {
  return { claimId: randomUUID(), worker: 'w', leaseMs: LEASE_MS, conditions: [], accepts: () => true, ...init };
}

/** Starts a saga whose first operation is claimed at once. */
async function startChained({ store }: Scenario, of: Plan, init: StartInit = {}): Promise<Claim | undefined> {
  const result = await store.start(startRequest(of, { chain: offer(), ...init }));
  assert.ok(result.kind === 'started');
  return result.chained?.next;
}

async function completeChained(scenario: Scenario, claim: Claim, output: Json = {}, init: Partial<ChainOffer> = {}): Promise<ApplyResult> {
  return scenario.apply(claim.sagaId, completed(claim, output), { basis: claim.basis, chain: { ...offer(init), after: claim } });
}

/** The claim that was chained to a report; undefined: none was. */
function nextOf(result: ApplyResult): Claim | undefined {
  assert.ok(result.kind === 'applied', JSON.stringify(result));
  return result.next;
}

function refOf({ operation: { step: place, direction, round } }: Claim): OperationRef {
  return { step: place, direction, round };
}

/** c takes from a, from b and from the context. */
const REFERRING: readonly NewStep[] = [
  { stepId: 'i-a', input: { of: 'a' }, references: [] },
  { stepId: 'i-b', input: { from: null }, references: [{ at: ['from'], step: 0, path: ['id'] }] },
  {
    stepId: 'i-c',
    input: { first: null, second: null, who: null },
    references: [
      { at: ['first'], step: 0, path: ['id'] },
      { at: ['second'], step: 1, path: ['id'] },
      { at: ['who'], step: null, path: ['customer'] },
    ],
  },
];

/** What a handler is called with, whichever way its claim came about. */
function given({ operation, stepId, input, references, outputs, context, laidOver, metadata, actionOutput, basis }: Claim): unknown {
  const { fence: _f, claimId: _c, ...rest } = operation;
  const places = references.flatMap(({ step: place }) => (place === null ? [] : [place]));
  const named = new Map([...outputs].filter(([place]) => places.includes(place)));
  return {
    rest,
    stepId,
    input,
    references,
    named,
    context,
    laidOver,
    metadata,
    actionOutput,
    state: basis.saga.state,
    rev: basis.saga.rev,
  };
}

export const chainCases: readonly StoreCase[] = [
  promise('a report claims what it sets free, in one go: history and leases are those of a report and a claim', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const result = await completeChained(scenario, claim, { id: 1 });
    const next = nextOf(result);
    assert.ok(next !== undefined && result.kind === 'applied');
    same(refOf(next), action(1));
    same(
      result.effects.filter(({ type }) => type === 'dispatch'),
      [],
    );
    const { saga } = await scenario.find(sagaId);
    same([saga.rev, next.operation.claims, next.operation.fence], [4, 1, 1]);
    same(comparable(next.basis.saga).rev, saga.rev);
    same(
      (await store.history(sagaId)).map(({ rev, kind, step: name }) => [rev, kind, name]),
      [
        [1, 'start', null],
        [2, 'claim', 'a'],
        [3, 'completed', 'a'],
        [4, 'claim', 'b'],
      ],
    );
    same((await scenario.tryClaim(sagaId, action(1))).kind, 'refused');
    same((await scenario.sweep()).wakeUps, []);
    same(await store.heartbeat([{ sagaId, operation: action(1), fence: 1, claimId: next.claimId, leaseMs: LEASE_MS, timedOut: false }]), [
      { held: true, wanted: true },
    ]);
    assert.equal((await scenario.complete(next)).kind, 'applied');
    assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
  }),

  promise('where the end of a saga says all of it, a read says the same', async ({ store }) => {
    const scenario = new Scenario(store);
    const businessKey = { key: 'k', fingerprint: 'f' };
    let claim = await startChained(scenario, ABC, { steps: REFERRING, context: { customer: 7 }, businessKey });
    for (const contextPatch of [{ first: 1 }, undefined, { last: [null, 0, false] }]) {
      assert.ok(claim !== undefined);
      const event = { ...completed(claim, { id: claim.operation.step }), ...(contextPatch !== undefined && { contextPatch }) } as SagaEvent;
      const result = await scenario.apply(claim.sagaId, event, { basis: claim.basis, chain: { ...offer(), after: claim } });
      claim = nextOf(result);
      assert.ok(result.kind === 'applied');
      if (result.saga.state === 'completed' && result.ended !== undefined) same(result.ended, await scenario.find(result.saga.id));
    }
    assert.equal(claim, undefined);
  }),

  promise('a start claims its first operation in one go, and says what is left to be dispatched', async ({ store }) => {
    const scenario = new Scenario(store);
    const wide = plan([step('a'), step('b'), step('c')]);
    const request = startRequest(wide, { chain: offer() });
    const result = await store.start(request);
    assert.ok(result.kind === 'started' && result.chained !== undefined);
    const { next, effects } = result.chained;
    same(refOf(next), action(0));
    same(
      effects.flatMap((effect) => (effect.type === 'dispatch' ? [effect.operation] : [])),
      [action(1), action(2)],
    );
    same(
      (await store.history(request.sagaId)).map(({ kind }) => kind),
      ['start', 'claim'],
    );
    same(comparable((await scenario.find(request.sagaId)).saga), comparable(next.basis.saga));
    assert.ok(Math.abs(next.createdAt.getTime() - (await scenario.find(request.sagaId)).createdAt.getTime()) < 2);
    assert.equal((await scenario.complete(next)).kind, 'applied');
  }),

  ...(['from its start on', 'after a wake-up'] as const).map((how) =>
    promise(`a chain ${how} gives each handler what a claim of its own would`, async ({ store }) => {
      const scenario = new Scenario(store);
      const patch = { seen: 'by a' };
      const init = { steps: REFERRING, context: { customer: 7 } };
      const [plainId, chainedId] = [randomUUID(), randomUUID()];
      await scenario.start(ABC, { ...init, sagaId: plainId });
      const first = how === 'after a wake-up' ? undefined : await startChained(scenario, ABC, { ...init, sagaId: chainedId });
      if (how === 'after a wake-up') await scenario.start(ABC, { ...init, sagaId: chainedId });
      let chained: Claim | undefined = first ?? (await scenario.claim(chainedId, action(0)));
      for (const place of [0, 1, 2]) {
        const plain = await scenario.claim(plainId, action(place));
        assert.ok(chained !== undefined);
        same(given(chained), given(plain));
        const event = (claim: Claim) => {
          const done = completed(claim, { id: `made by ${place}` });
          return place === 0 && done.type === 'completed' ? { ...done, contextPatch: patch } : done;
        };
        await scenario.apply(plainId, event(plain), { basis: plain.basis });
        const result: ApplyResult = await scenario.apply(chainedId, event(chained), {
          basis: chained.basis,
          chain: { ...offer(), after: chained },
        });
        chained = nextOf(result);
      }
      assert.equal(chained, undefined);
      const [one, other] = await Promise.all([scenario.find(plainId), scenario.find(chainedId)]);
      same(comparable({ ...one.saga, id: '' }).state, comparable({ ...other.saga, id: '' }).state);
      same(
        one.steps,
        other.steps.map((stored, place) => ({ ...stored, executedAt: one.steps[place]?.executedAt ?? null })),
      );
      same(one.laidOver, other.laidOver);
    }),
  ),

  promise('a chain turns back with its saga: the undo has the output of its action', async ({ store }) => {
    const scenario = new Scenario(store);
    const first = await startChained(scenario, TWO_STEPS);
    assert.ok(first !== undefined);
    const second = nextOf(await completeChained(scenario, first, { id: 'made by a' }));
    assert.ok(second !== undefined);
    const result = await scenario.apply(first.sagaId, failed(second), { basis: second.basis, chain: { ...offer(), after: second } });
    const back = nextOf(result);
    assert.ok(back !== undefined);
    same([refOf(back), back.actionOutput, back.operation.actionOutcome], [undo(0), { id: 'made by a' }, 'completed']);
    assert.equal((await scenario.complete(back)).kind, 'applied');
    assert.equal((await scenario.find(first.sagaId)).saga.state, 'compensated');
  }),

  promise('a saga that goes on where another was claims its first undo, with the output that was there', async ({ store }) => {
    const scenario = new Scenario(store);
    const doneId = await scenario.start(TWO_STEPS);
    for (const place of [0, 1]) await scenario.perform(doneId, action(place), { id: `made by ${place}` });
    const done = await scenario.find(doneId);
    const outputs = done.steps.map(({ output }) => output);
    const parent = { sagaId: randomUUID(), step: 0, undoes: doneId };
    const sagaId = randomUUID();
    const begun = linkedUndo(done.plan, done.saga, outputs, sagaId, parent, { kind: 'asked', reason: null, actor: null });
    assert.ok(begun !== null);
    const result = await store.start({ ...startRequest(TWO_STEPS, { sagaId, chain: offer() }), ...begun });
    assert.ok(result.kind === 'started' && result.chained !== undefined);
    const second = result.chained.next;
    same([refOf(second), second.actionOutput], [undo(1), { id: 'made by 1' }]);
    const first = nextOf(await completeChained(scenario, second));
    assert.ok(first !== undefined);
    same([refOf(first), first.actionOutput], [undo(0), { id: 'made by 0' }]);
    await scenario.complete(first);
    same(
      (await scenario.find(sagaId)).steps.map(({ output }) => output),
      outputs,
    );
  }),

  promise('what its worker does not accept is dispatched', async ({ store }) => {
    const scenario = new Scenario(store);
    const claim = await startChained(scenario, TWO_STEPS);
    assert.ok(claim !== undefined);
    const asked: unknown[] = [];
    const accepts = (operation: OperationRef, key: string): boolean => asked.push([operation, key]) < 0;
    const result = await completeChained(scenario, claim, {}, { accepts });
    same([nextOf(result), asked], [undefined, [[action(1), 'do.b']]]);
    assert.ok(result.kind === 'applied' && result.effects.some(({ type }) => type === 'dispatch'));
    await scenario.perform(claim.sagaId, action(1));
  }),

  promise('neither a start nor a report claims an action that is paused: the operation waits for its resume', async ({ store }) => {
    const scenario = new Scenario(store);
    const by = { reason: null, actor: null };
    const claim = await startChained(scenario, TWO_STEPS);
    assert.ok(claim !== undefined);
    await store.pauseAction('do.a', by);
    await store.pauseAction('do.b', by);
    const sagaId = randomUUID();
    assert.equal(await startChained(scenario, TWO_STEPS, { sagaId }), undefined);
    same((await scenario.operation(sagaId, action(0))).state, 'started');
    assert.equal(nextOf(await completeChained(scenario, claim)), undefined);
    same((await scenario.operation(claim.sagaId, action(1))).state, 'started');
    same(await scenario.tryClaim(claim.sagaId, action(1)), { kind: 'refused', reason: 'paused' });
    await store.resumeAction('do.b', by);
    await scenario.perform(claim.sagaId, action(1));
  }),

  promise('a paused start under a business key starts once', async ({ store }) => {
    const scenario = new Scenario(store);
    await store.pauseAction('do.a', { reason: null, actor: null });
    const businessKey = { key: 'k', fingerprint: 'f' };
    const first = await store.start(startRequest(TWO_STEPS, { chain: offer(), businessKey }));
    same(first, { kind: 'started', committed: null });
    const again = await store.start(startRequest(TWO_STEPS, { chain: offer(), businessKey }));
    assert.equal(again.kind, 'existing');
    assert.equal((await store.list({ limit: 10 })).length, 1);
    assert.ok(scenario);
  }),

  promise('a start under a key that was used claims nothing', async ({ store }) => {
    const scenario = new Scenario(store);
    const businessKey = { key: 'k', fingerprint: 'f' };
    const claim = await startChained(scenario, TWO_STEPS, { businessKey });
    assert.ok(claim !== undefined);
    const again = await store.start(startRequest(TWO_STEPS, { chain: offer(), businessKey }));
    assert.ok(again.kind === 'existing' && again.sagaId === claim.sagaId);
    assert.equal((await scenario.complete(claim)).kind, 'applied');
  }),

  promise('past the deadline a report claims nothing', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const claim = await startChained(scenario, TWO_STEPS, { deadlineMs: 10 * SECOND });
    assert.ok(claim !== undefined);
    await advance(11 * SECOND);
    assert.equal(nextOf(await completeChained(scenario, claim)), undefined);
    same((await scenario.operation(claim.sagaId, action(1))).state, 'started');
    same((await scenario.sweep()).deadlines, [claim.sagaId]);
  }),

  promise('a paused saga claims nothing', async ({ store }) => {
    const scenario = new Scenario(store);
    const claim = await startChained(scenario, TWO_STEPS);
    assert.ok(claim !== undefined);
    await scenario.apply(claim.sagaId, { type: 'pause', reason: null, actor: null });
    assert.equal(nextOf(await completeChained(scenario, claim)), undefined);
  }),

  promise('a condition that this worker does not have is left to another', async ({ store }) => {
    const scenario = new Scenario(store);
    const asks = plan([step('a', { condition: 'if.a' }), step('b', { dependsOn: [0], condition: 'if.b' })]);
    assert.equal(await startChained(scenario, asks, { chain: offer({ conditions: ['if.b'] }) }), undefined);
    const claim = await startChained(scenario, asks, { chain: offer({ conditions: ['if.a'] }) });
    assert.ok(claim !== undefined);
    await scenario.apply(claim.sagaId, { type: 'admitted', operation: action(0), fence: 1, claimId: claim.claimId });
    const admitted = (await scenario.find(claim.sagaId)).saga;
    const result = await scenario.apply(claim.sagaId, completed(claim, {}), {
      basis: { plan: claim.basis.plan, saga: admitted },
      chain: { ...offer({ conditions: ['if.a'] }), after: claim },
    });
    assert.equal(nextOf(result), undefined);
  }),

  promise('what was given back, or lost, is claimed by its own wake-up only', async ({ store }) => {
    const scenario = new Scenario(store);
    const claim = await startChained(scenario, TWO_STEPS);
    assert.ok(claim !== undefined);
    const released = {
      type: 'lost',
      operation: action(0),
      fence: 1,
      claimId: claim.claimId,
      error: { code: 'X', message: 'x' },
      seed: 0,
    } as const;
    const result = await scenario.apply(claim.sagaId, released, { basis: claim.basis, chain: { ...offer(), after: claim } });
    assert.equal(nextOf(result), undefined);
  }),

  promise('branches of one saga that meet claim each operation once', async ({ store }) => {
    const scenario = new Scenario(store);
    const diamond = plan([step('a'), step('b'), step('c', { dependsOn: [0, 1] }), step('d', { dependsOn: [2] })]);
    const sagaId = await scenario.start(diamond);
    const claims = await Promise.all([scenario.claim(sagaId, action(0)), scenario.claim(sagaId, action(1))]);
    const results = await Promise.all(claims.map(async (claim) => completeChained(scenario, claim)));
    const next = results.map(nextOf).filter((claim) => claim !== undefined);
    assert.ok(next.length <= 1);
    const third = next[0] ?? (await scenario.claim(sagaId, action(2)));
    const fourth = nextOf(await completeChained(scenario, third));
    assert.ok(fourth !== undefined);
    await scenario.complete(fourth);
    const { saga } = await scenario.find(sagaId);
    same([saga.state, saga.rev], ['completed', 9]);
  }),
];
