import assert from 'node:assert/strict';
import type { Json } from '../core/json';
import type { SagaState } from '../core/saga-value';
import { TERMINAL_STATES } from '../core/saga-value';
import { transition } from '../core/transition';
import type { ApplyResult, Decide } from '../ports/report';
import { promise, type StoreCase } from './store-contract.fixture';
import { isDate, same } from './store-contract.same';
import {
  action,
  comparable,
  completed,
  failed,
  GRACE_MS,
  LEASE_MS,
  leaseExpired,
  ONCE,
  plan,
  RESEND_MS,
  Scenario,
  SECOND,
  step,
  TWO_STEPS,
  undo,
} from './store-contract.scenario';

export const applyCases: readonly StoreCase[] = [
  promise('a completion starts what waited for it', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const result = await scenario.complete(await scenario.claim(sagaId, action(0)), { id: 1 });
    assert.ok(result.kind === 'applied');
    same(dispatched(result), ['do.b']);
    assert.equal((await scenario.operation(sagaId, action(1))).state, 'started');
    const [a, b] = (await scenario.find(sagaId)).steps;
    same([a?.output, b?.output, b?.executedAt], [{ id: 1 }, null, null]);
    assert.ok(isDate(a?.executedAt));
  }),

  promise('a saga ends when its last step has completed', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.perform(sagaId, action(1));
    const found = await scenario.find(sagaId);
    assert.equal(found.saga.state, 'completed');
    assert.ok(isDate(found.completedAt));
    same(await scenario.sweep(), { wakeUps: [], expired: [], waits: [], deadlines: [], nextInMs: null });
  }),

  promise('a stale report changes nothing', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0), { leaseMs: 0 });
    assert.equal((await scenario.apply(sagaId, leaseExpired(claim), { graceMs: 0 })).kind, 'applied');
    const again = await scenario.claim(sagaId, action(0));
    const before = await scenario.find(sagaId);
    for (const basis of [claim.basis, null]) {
      same(await scenario.complete(claim, {}, basis), { kind: 'ignored', reason: 'stale', state: 'started' });
    }
    same((await scenario.find(sagaId)).saga, before.saga);
    assert.equal((await scenario.complete(again)).kind, 'applied');
  }),

  promise('a report that comes twice counts once', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const results = await Promise.all([scenario.complete(claim), scenario.complete(claim), scenario.complete(claim)]);
    same(results.map(({ kind }) => kind).sort(), ['applied', 'ignored', 'ignored']);
    assert.equal((await scenario.find(sagaId)).saga.openActions, 1);
  }),

  promise('of reports that come at once only the last says that the saga has ended', async ({ store }) => {
    const scenario = new Scenario(store);
    const places = [0, 1, 2, 3, 4];
    const sagaId = await scenario.start(plan(places.map((place) => step(`s${place}`))));
    const claims = await Promise.all(places.map(async (place) => scenario.claim(sagaId, action(place))));
    const results = await Promise.all(
      claims.map(async (claim, place) => scenario.complete(claim, [0, false, null, '', []][place] as Json)),
    );
    const ends = results.map((result) => result.kind === 'applied' && result.effects.filter(({ type }) => type === 'ended').length);
    same(ends, [0, 0, 0, 0, 1]);
    const { saga, steps } = await scenario.find(sagaId);
    same([saga.state, saga.rev, steps.map(({ output }) => output)], ['completed', 11, [0, false, null, '', []]]);
    same((await scenario.sweep()).nextInMs, null);
  }),

  promise('two siblings completing at once both count', async ({ store }) => {
    const scenario = new Scenario(store);
    const width = 12;
    const siblings = Array.from({ length: width }, (_, n) => step(`s${n}`));
    const sagaId = await scenario.start(plan([...siblings, step('last', { dependsOn: siblings.map((_, n) => n) })]));
    const claims = [];
    for (let n = 0; n < width; n++) claims.push(await scenario.claim(sagaId, action(n)));
    const results = await Promise.all(claims.map((claim, n) => scenario.complete(claim, { n })));
    same(new Set(results.map(({ kind }) => kind)), new Set(['applied']));
    same(
      results.flatMap((result) => (result.kind === 'applied' ? dispatched(result) : [])),
      ['do.last'],
    );
    const { saga } = await scenario.find(sagaId);
    same([saga.openActions, saga.rev], [1, 1 + 2 * width]);
    const last = await scenario.operation(sagaId, action(width));
    same([last.state, last.waits], ['started', 0]);
  }),

  promise('events of one saga in one call are decided in their order', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b')]));
    const [a, b] = [await scenario.claim(sagaId, action(0)), await scenario.claim(sagaId, action(1))];
    const events = [completed(a, 1), completed(b, 2), { type: 'compensate', reason: null, actor: null } as const];
    const results = await store.apply(
      events.map((event) => ({ sagaId, event, resendMs: RESEND_MS })),
      transition,
    );
    same(
      results.map(({ kind }) => kind),
      ['applied', 'applied', 'ignored'],
    );
    same(results[2], { kind: 'ignored', reason: 'terminal', state: 'completed' });
  }),

  promise('half of a batch failing leaves the other half', async ({ store }) => {
    const scenario = new Scenario(store);
    const [good, bad] = [await scenario.start(TWO_STEPS), await scenario.start(TWO_STEPS)];
    const decide: Decide = (of, saga, event) => {
      if (saga.id === bad) throw new TypeError('cannot decide');
      return transition(of, saga, event);
    };
    const event = { type: 'compensate', reason: 'test', actor: null } as const;
    const results = await store.apply(
      [bad, good, 'nobody'].map((sagaId) => ({ sagaId, event, resendMs: RESEND_MS })),
      decide,
    );
    same(
      results.map(({ kind }) => kind),
      ['failed', 'applied', 'missing'],
    );
    same(
      await store.states([good, bad, 'nobody']),
      new Map<string, SagaState>([
        [good, 'failed'],
        [bad, 'started'],
      ]),
    );
  }),

  promise('a failed step turns the saga back, and the undos run last to first', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b', { dependsOn: [0] }), step('c', { dependsOn: [1] })]));
    await scenario.perform(sagaId, action(0), { a: 1 });
    await scenario.perform(sagaId, action(1), { b: 1 });
    const turned = await scenario.fail(await scenario.claim(sagaId, action(2)));
    assert.ok(turned.kind === 'applied');
    same(dispatched(turned), ['undo.b']);
    const { saga } = await scenario.find(sagaId);
    same([saga.state, saga.openUndos, saga.openActions], ['compensating', 2, 0]);
    same(saga.cause, { kind: 'step-failed', step: 'c', error: { code: 'BROKEN', message: 'it broke' } });
    same(await scenario.tryClaim(sagaId, undo(0)), { kind: 'refused', reason: 'not-claimable' });
    const after = await scenario.complete(await scenario.claim(sagaId, undo(1)));
    assert.ok(after.kind === 'applied');
    same(dispatched(after), ['undo.a']);
    await scenario.perform(sagaId, undo(0));
    const ended = await scenario.find(sagaId);
    assert.equal(ended.saga.state, 'compensated');
    assert.ok(isDate(ended.completedAt));
  }),

  // Regression: the engine of the source document overwrote it with the result of the undo.
  promise('does not erase a step output when it is compensated', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0), { id: 1 });
    await scenario.fail(await scenario.claim(sagaId, action(1)));
    await scenario.perform(sagaId, undo(0), { undone: true });
    const [a] = (await scenario.find(sagaId)).steps;
    same(a?.output, { id: 1 });
  }),

  promise('a step that is tried again keeps its error until it completes', async ({ store }) => {
    const scenario = new Scenario(store);
    const retry = { attempts: 3, backoff: 'fixed', baseMs: 0, maxMs: 0 } as const;
    const sagaId = await scenario.start(plan([step('a', { actionPolicy: { ...ONCE, retry } })]));
    await scenario.fail(await scenario.claim(sagaId, action(0)));
    const waiting = await scenario.operation(sagaId, action(0));
    same([waiting.state, waiting.claims, waiting.error?.code], ['started', 1, 'BROKEN']);
    assert.ok(isDate((await scenario.find(sagaId)).steps[0]?.executedAt));
    await scenario.perform(sagaId, action(0));
    same((await scenario.operation(sagaId, action(0))).error, null);
  }),

  promise('a late effect asks for another round of the undo, which a saga that has ended still runs', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a')]));
    const zombie = await scenario.claim(sagaId, action(0), { leaseMs: SECOND });
    const { fence } = zombie.operation;
    await store.heartbeat([{ sagaId, operation: action(0), fence, claimId: zombie.claimId, leaseMs: SECOND, timedOut: true }]);
    await advance(GRACE_MS);
    await scenario.apply(sagaId, leaseExpired(zombie), { graceMs: GRACE_MS });
    await scenario.perform(sagaId, undo(0));
    const ended = await scenario.find(sagaId);
    assert.equal(ended.saga.state, 'compensated');

    const late = await scenario.complete(zombie, { charged: true });
    assert.equal(late.kind, 'applied');
    const raised = await scenario.find(sagaId);
    same([raised.saga.state, raised.saga.attention, raised.completedAt], ['compensated', true, ended.completedAt]);
    assert.equal(await store.delete(sagaId), 'attention');
    same(
      (await store.list({ attention: true, limit: 10 })).map(({ saga }) => saga.id),
      [sagaId],
    );
    same(await store.list({ attention: false, limit: 10 }), []);
    same(await scenario.complete(zombie, { charged: true }), { kind: 'ignored', reason: 'terminal', state: 'compensated' });

    await advance(RESEND_MS);
    const second = { step: 0, direction: 'undo', round: 2 } as const;
    const { wakeUps } = await scenario.sweep();
    same(wakeUps, [{ sagaId, operation: second, key: 'undo.a', resends: 0 }]);
    const claim = await scenario.claim(sagaId, second);
    same([claim.actionOutput, claim.operation.actionOutcome], [{ charged: true }, 'completed']);
    const beat = { sagaId, operation: second, fence: claim.operation.fence, claimId: claim.claimId, leaseMs: LEASE_MS, timedOut: false };
    same(await store.heartbeat([beat]), [{ held: true, wanted: true }]);
    await scenario.complete(claim);
    const settled = await scenario.find(sagaId);
    same([settled.saga.state, settled.saga.attention], ['compensated', false]);
    same(await store.list({ attention: true, limit: 10 }), []);
    const kinds = (await store.history(sagaId)).map(({ kind }) => kind);
    same(kinds.slice(-3), ['late', 'claim', 'completed']);
    assert.equal(await store.delete(sagaId), 'deleted');
  }),

  promise('a terminal state never changes', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a')]));
    const claim = await scenario.perform(sagaId, action(0));
    const before = await scenario.find(sagaId);
    assert.ok(TERMINAL_STATES.includes(before.saga.state));
    const expected: ApplyResult = { kind: 'ignored', reason: 'terminal', state: 'completed' };
    same(await scenario.fail(claim), expected);
    same(await scenario.complete(claim), expected);
    same(await scenario.apply(sagaId, { type: 'deadline' }), expected);
    same(await scenario.apply(sagaId, { type: 'compensate', reason: null, actor: null }), expected);
    same(await scenario.tryClaim(sagaId, action(0)), { kind: 'refused', reason: 'terminal' });
    same(await scenario.find(sagaId), before);
  }),

  promise('an event for a saga that is not there is said to be so', async ({ store }) => {
    same(await new Scenario(store).apply('nobody', { type: 'deadline' }), { kind: 'missing' });
  }),

  promise('a lease is taken away only after its grace', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const renewed: ApplyResult = { kind: 'ignored', reason: 'lease-renewed', state: 'started' };
    same(await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS }), renewed);
    await advance(LEASE_MS + SECOND);
    same(await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS }), renewed);
    await advance(GRACE_MS);
    assert.equal((await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS })).kind, 'applied');
    const lost = await scenario.operation(sagaId, action(0));
    same([lost.state, lost.fence, lost.losses, lost.hadUnknown, lost.error?.code], ['started', 2, 1, true, 'WORKER_LOST']);
  }),

  promise('a lease that was renewed is not taken', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await advance(LEASE_MS - 5 * SECOND);
    same(await beat(scenario, claim), { held: true, wanted: true });
    await advance(GRACE_MS + 10 * SECOND);
    assert.equal((await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS })).kind, 'ignored');
    assert.equal((await scenario.operation(sagaId, action(0))).state, 'running');
  }),

  promise('a lease that has passed is not extended', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    await advance(LEASE_MS + SECOND);
    assert.equal((await beat(scenario, claim)).held, false);
    // Until it is taken away, the result still counts.
    assert.equal((await scenario.complete(claim)).kind, 'applied');
    assert.equal((await beat(scenario, claim)).held, false);
  }),

  promise('heartbeats answer each for itself, and do not raise rev', async ({ store }) => {
    const scenario = new Scenario(store);
    const [one, two] = [await scenario.start(TWO_STEPS), await scenario.start(plan([step('a'), step('b')]))];
    const [mine, back, other] = [
      await scenario.claim(one, action(0)),
      await scenario.claim(two, action(0)),
      await scenario.claim(two, action(1)),
    ];
    await scenario.fail(other);
    const { rev } = (await scenario.find(one)).saga;
    const beats = [mine, back, other, { ...mine, claimId: 'stolen' }].map(({ sagaId, operation, claimId }) => ({
      ...{ sagaId, operation, claimId, fence: operation.fence, leaseMs: LEASE_MS, timedOut: false },
    }));
    const answers = await store.heartbeat([...beats, { ...(beats[0] as (typeof beats)[0]), sagaId: 'nobody' }]);
    same(
      answers.map(({ held }) => held),
      [true, true, false, false, false],
    );
    same(
      answers.slice(0, 2).map(({ wanted }) => wanted),
      [true, false],
    );
    assert.equal((await scenario.find(one)).saga.rev, rev);
    same(await store.heartbeat([]), []);
  }),

  promise('an attempt that reached its timeout ends with its grace, as a timeout', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    assert.equal((await beat(scenario, claim, true)).held, true);
    assert.equal((await scenario.operation(sagaId, action(0))).timedOut, true);
    await advance(GRACE_MS + SECOND);
    const result = await scenario.apply(sagaId, leaseExpired(claim), { graceMs: GRACE_MS });
    assert.equal(result.kind, 'applied');
    const operation = await scenario.operation(sagaId, action(0));
    same([operation.state, operation.losses, operation.error?.code], ['unknown', 0, 'STEP_TIMEOUT']);
  }),

  promise('a claim that is given back does not count', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const { claimId, operation, basis } = await scenario.claim(sagaId, action(0));
    const event = { type: 'released', operation: action(0), fence: operation.fence, claimId, interrupted: false } as const;
    assert.equal((await scenario.apply(sagaId, event, { basis })).kind, 'applied');
    const back = await scenario.operation(sagaId, action(0));
    same([back.state, back.claims, back.fence], ['started', 0, 1]);
    assert.equal((await scenario.claim(sagaId, action(0))).operation.fence, 2);
  }),

  promise('a basis that is out of date is not believed, whatever was decided from it', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b')]));
    const claim = await scenario.claim(sagaId, action(0));
    const old = await scenario.find(sagaId);
    const other = await scenario.claim(sagaId, action(1));
    // As the old basis shows it, b is not running, so its report would be ignored.
    const basis = { plan: old.plan, saga: old.saga };
    assert.equal((await scenario.complete(other, { b: 1 }, basis)).kind, 'applied');
    assert.equal((await scenario.complete(claim, { a: 1 }, basis)).kind, 'applied');
    assert.equal((await scenario.find(sagaId)).saga.state, 'completed');
  }),

  promise('what is applied is what transition says', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const before = await scenario.find(sagaId);
    const event = failed(claim);
    const decision = transition(before.plan, before.saga, event);
    assert.ok(decision.kind === 'moved');
    const result = await scenario.apply(sagaId, event, { basis: claim.basis });
    assert.ok(result.kind === 'applied');
    same(result.effects, decision.effects);
    same(comparable(result.saga), comparable(decision.saga));
    same(comparable((await scenario.find(sagaId)).saga), comparable(decision.saga));
  }),
];

function dispatched(result: Extract<ApplyResult, { kind: 'applied' }>): readonly string[] {
  return result.effects.flatMap((effect) => (effect.type === 'dispatch' ? [effect.key] : []));
}

async function beat(
  { store }: Scenario,
  { sagaId, operation, claimId }: Awaited<ReturnType<Scenario['claim']>>,
  timedOut = false,
): Promise<{ readonly held: boolean; readonly wanted: boolean }> {
  const [answer] = await store.heartbeat([{ sagaId, operation, claimId, fence: operation.fence, leaseMs: LEASE_MS, timedOut }]);
  assert.ok(answer);
  return { held: answer.held, wanted: answer.wanted };
}
