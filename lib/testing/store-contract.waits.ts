import assert from 'node:assert/strict';
import type { SagaEvent } from '../core/event';
import type { Json } from '../core/json';
import type { OperationRef, Wait } from '../core/operation';
import type { SagaMessage } from '../ports/saga-signal';
import type { Claim } from '../ports/claim';
import type { SagaStore } from '../ports/saga-store';
import type { DueWait } from '../ports/sweep';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, ONCE, plan, RESEND_MS, Scenario, SECOND, step, TWO_STEPS, undo } from './store-contract.scenario';

const CALLBACK: Wait = { kind: 'callback' };
const SIGNAL: Wait = { kind: 'signal', name: 'approved' };
const RETRIED = { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 } as const;

function suspended({ operation, claimId }: Claim, wait: Wait, timeoutMs: number | null): SagaEvent {
  const { step: place, direction, round, fence } = operation;
  return { type: 'suspended', operation: { step: place, direction, round }, fence, claimId, wait, timeoutMs };
}

function calledBack(operation: OperationRef, output: Json, signalId?: string): SagaEvent {
  const takes = signalId === undefined ? {} : { takes: { name: 'approved', signalId } };
  return { type: 'called-back', operation, result: { kind: 'completed', output }, ...takes };
}

async function waits(scenario: Scenario): Promise<readonly Omit<DueWait, 'elapsedMs'>[]> {
  const found = await scenario.sweep();
  same([found.wakeUps, found.expired], [[], []]);
  return found.waits.map(({ elapsedMs: _elapsedMs, ...wait }) => wait);
}

/** A saga of two steps whose first one waits. */
async function waiting(scenario: Scenario, wait: Wait, timeoutMs: number | null): Promise<string> {
  const sagaId = await scenario.start(TWO_STEPS);
  const claim = await scenario.claim(sagaId, action(0));
  const result = await scenario.apply(sagaId, suspended(claim, wait, timeoutMs), { basis: claim.basis });
  assert.equal(result.kind, 'applied');
  return sagaId;
}

function signal(sagaId: string, number: number, name = 'approved'): SagaMessage {
  return { sagaId, signalId: `s-${number}`, name, payload: { number } };
}

async function next(store: SagaStore, sagaId: string, name = 'approved'): Promise<string | null> {
  return (await store.nextSignal(sagaId, name))?.signalId ?? null;
}

export const waitCases: readonly StoreCase[] = [
  promise('a wait is found when it is over, and again until somebody acts', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, CALLBACK, 100 * SECOND);
    same(await waits(scenario), []);
    await advance(95 * SECOND);
    same(await waits(scenario), []);
    await advance(6 * SECOND);
    const over = { sagaId, operation: action(0), fence: 1, wait: CALLBACK, isOver: true };
    same(await waits(scenario), [over]);
    same(await waits(scenario), []);
    await advance(RESEND_MS + SECOND);
    same(await waits(scenario), [over]);
    const result = await scenario.apply(sagaId, { type: 'wait-over', operation: action(0), fence: 1, seed: 0 });
    assert.equal(result.kind, 'applied');
    const { state, hadUnknown, fence } = await scenario.operation(sagaId, action(0));
    same([state, hadUnknown, fence], ['unknown', true, 2]);
  }),

  promise('a wait for a callback that may last for ever is never looked at', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, CALLBACK, null);
    await advance(1_000 * RESEND_MS);
    same(await waits(scenario), []);
    assert.equal((await scenario.sweep()).nextInMs, null);
    same((await scenario.operation(sagaId, action(0))).wait, CALLBACK);
  }),

  promise('what may have come unnoticed is looked for ever more rarely, and its end is not missed', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, SIGNAL, 10 * RESEND_MS);
    const look = { sagaId, operation: action(0), fence: 1, wait: SIGNAL, isOver: false };
    for (const delays of [1, 1, 2]) {
      await advance(delays * RESEND_MS - 2 * SECOND);
      same(await waits(scenario), []);
      await advance(3 * SECOND);
      same(await waits(scenario), [look]);
    }
    await advance(5 * RESEND_MS);
    same(await waits(scenario), [look]);
    const { nextInMs } = await scenario.sweep();
    assert.ok(nextInMs !== null && nextInMs <= RESEND_MS, 'the end comes before the next look');
    await advance(RESEND_MS);
    same(await waits(scenario), [{ ...look, isOver: true }]);
  }),

  promise('a pause holds a wait that is over, and the resume finds it at once', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, CALLBACK, 100 * SECOND);
    await scenario.apply(sagaId, { type: 'pause', reason: null, actor: null });
    await advance(200 * SECOND);
    same(await waits(scenario), []);
    await scenario.apply(sagaId, { type: 'resume', reason: null, actor: null });
    const over = { sagaId, operation: action(0), fence: 1, wait: CALLBACK, isOver: true };
    same(await waits(scenario), [over]);
  }),

  promise('a callback completes what waits, with its output, also while the saga is paused', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, CALLBACK, null);
    await scenario.apply(sagaId, { type: 'pause', reason: null, actor: null });
    assert.equal((await scenario.apply(sagaId, calledBack(action(0), { by: 'ann' }))).kind, 'applied');
    same(await scenario.apply(sagaId, calledBack(action(0), 'again')), { kind: 'ignored', reason: 'stale', state: 'started' });
    const { saga, steps } = await scenario.find(sagaId);
    same([saga.paused, steps[0]?.output, saga.operations.get('action:1:1')?.state], [true, { by: 'ann' }, 'started']);
    same(await scenario.tryClaim(sagaId, action(1)), { kind: 'refused', reason: 'paused' });
  }),

  promise('many callbacks at once count once', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await waiting(scenario, CALLBACK, null);
    const results = await Promise.all([1, 2, 3, 4].map((number) => scenario.apply(sagaId, calledBack(action(0), number))));
    same(results.map(({ kind }) => kind).sort(), ['applied', 'ignored', 'ignored', 'ignored']);
  }),

  promise('a word that comes while a transactional attempt runs is kept until that ends', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { actionPolicy: { ...ONCE, transactional: true } })]));
    const claim = await scenario.claim(sagaId, action(0));
    assert.equal((await scenario.apply(sagaId, calledBack(action(0), 'early'))).kind, 'applied');
    const heard = await scenario.operation(sagaId, action(0));
    same([heard.state, heard.heard, heard.fence], ['running', { kind: 'completed' }, 1]);
    assert.equal((await scenario.apply(sagaId, suspended(claim, CALLBACK, null), { basis: claim.basis })).kind, 'applied');
    const { saga, steps } = await scenario.find(sagaId);
    same([saga.state, steps[0]?.output], ['completed', 'early']);
  }),

  promise('a word of failure that comes early is kept, and counts when the handler suspends', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    const claim = await scenario.claim(sagaId, action(0));
    const error = { code: 'REFUSED', message: 'no' };
    await scenario.apply(sagaId, { type: 'called-back', operation: action(0), result: { kind: 'failed', error } });
    same((await scenario.operation(sagaId, action(0))).heard, { kind: 'failed', error });
    await scenario.apply(sagaId, suspended(claim, CALLBACK, null), { basis: claim.basis });
    const { state, error: stored } = await scenario.operation(sagaId, action(0));
    same([state, stored, (await scenario.find(sagaId)).saga.state], ['failed', error, 'failed']);
  }),

  promise('a retried wait is claimed again, and waits for its whole time', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a', { actionPolicy: { ...ONCE, retry: RETRIED } })]));
    for (const fence of [1, 3]) {
      const claim = await scenario.claim(sagaId, action(0));
      await scenario.apply(sagaId, suspended(claim, CALLBACK, 100 * SECOND), { basis: claim.basis });
      await advance(95 * SECOND);
      same(await waits(scenario), []);
      await advance(6 * SECOND);
      same((await waits(scenario)).length, 1);
      const over = await scenario.apply(sagaId, { type: 'wait-over', operation: action(0), fence, seed: 0 });
      assert.equal(over.kind, 'applied');
    }
    same([(await scenario.operation(sagaId, action(0))).state, (await scenario.find(sagaId)).saga.state], ['unknown', 'compensating']);
  }),

  promise('an undo waits as an action does', async ({ store, advance }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await scenario.perform(sagaId, action(0));
    await scenario.apply(sagaId, { type: 'cancel', reason: null, actor: null });
    const claim = await scenario.claim(sagaId, undo(0));
    await scenario.apply(sagaId, suspended(claim, CALLBACK, 100 * SECOND), { basis: claim.basis });
    await advance(101 * SECOND);
    same(
      (await waits(scenario)).map(({ operation }) => operation),
      [undo(0)],
    );
    await scenario.apply(sagaId, calledBack(undo(0), null));
    assert.equal((await scenario.find(sagaId)).saga.state, 'compensated');
  }),

  promise('a signal is kept once for each id, in the order in which they came', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    same(await store.addSignal(signal(sagaId, 2)), { kind: 'added', committed: null });
    same(await store.addSignal(signal(sagaId, 1)), { kind: 'added', committed: null });
    same(await store.addSignal({ ...signal(sagaId, 2), payload: 'another' }), { kind: 'known' });
    same(await store.addSignal(signal('nobody', 1)), { kind: 'missing' });
    same(await store.nextSignal(sagaId, 'approved'), signal(sagaId, 2));
    same(await store.nextSignal(sagaId, 'else'), null);
    same(await store.nextSignal('nobody', 'approved'), null);
  }),

  promise('a signal goes to one operation, and the next one to the next', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(plan([step('a'), step('b'), step('c')]));
    for (const place of [0, 1]) {
      const claim = await scenario.claim(sagaId, action(place));
      await scenario.apply(sagaId, suspended(claim, SIGNAL, null), { basis: claim.basis });
    }
    for (const number of [1, 2, 3]) await store.addSignal(signal(sagaId, number));
    assert.equal((await scenario.apply(sagaId, calledBack(action(0), 1, 's-1'))).kind, 'applied');
    same(await next(store, sagaId), 's-2');
    same(await scenario.apply(sagaId, calledBack(action(1), 1, 's-1')), { kind: 'ignored', reason: 'taken', state: 'started' });
    assert.equal((await scenario.apply(sagaId, calledBack(action(1), 2, 's-2'))).kind, 'applied');
    same(await next(store, sagaId), 's-3');
  }),

  promise('a saga that has ended takes no more signals, knows those it had, and takes them with it', async ({ store }) => {
    const scenario = new Scenario(store);
    const sagaId = await scenario.start(TWO_STEPS);
    await store.addSignal(signal(sagaId, 1));
    await scenario.apply(sagaId, { type: 'cancel', reason: null, actor: null });
    same(await store.addSignal(signal(sagaId, 2)), { kind: 'ended', state: 'failed' });
    same(await store.addSignal(signal(sagaId, 1)), { kind: 'known' });
    assert.equal(await store.delete(sagaId), 'deleted');
    same([await next(store, sagaId), await store.addSignal(signal(sagaId, 1))], [null, { kind: 'missing' }]);
  }),

  promise('the keys of tokens are there, are long, and stay', async ({ store }) => {
    const [newest, ...others] = await store.secrets();
    assert.ok(newest !== undefined && newest.key.byteLength >= 32);
    same(others, []);
    same(
      (await store.secrets()).map(({ id, key }) => [id, [...key]]),
      [[newest.id, [...newest.key]]],
    );
  }),
];
