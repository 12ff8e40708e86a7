import assert from 'node:assert/strict';
import { chain } from '../core/chain';
import type { SagaEvent } from '../core/event';
import { operationKey, type Operation, type OperationRef } from '../core/operation';
import type { OperationPolicy, Plan, PlanStep } from '../core/plan';
import { isTerminal, type SagaValue } from '../core/saga-value';
import { transition } from '../core/transition';
import type { Basis, ChainOffer, Claim } from '../ports/claim';
import { promise, type StoreCase, type StoreFixture } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, comparable, plan, RESEND_MS, Scenario, startRequest, step } from './store-contract.scenario';

export const walkCases: readonly StoreCase[] = [
  ...Array.from({ length: 8 }, (_, n) =>
    promise(`a saga goes wherever transition goes (random walk ${n + 1})`, (fixture) => walk(fixture, randomFrom(n + 1))),
  ),

  promise('many workers at once bring every saga to its end, each step done once', async ({ store }) => {
    const scenario = new Scenario(store);
    const wide = plan([
      step('a'),
      ...['b', 'c', 'd', 'e'].map((name) => step(name, { dependsOn: [0] })),
      step('f', { dependsOn: [1, 2, 3, 4] }),
    ]);
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push(await scenario.start(wide));
    await Promise.all(Array.from({ length: 6 }, () => work(scenario, ids)));
    for (const sagaId of ids) {
      const { saga } = await scenario.find(sagaId);
      assert.equal(saga.state, 'completed');
      for (const operation of saga.operations.values()) same([operation.state, operation.claims], ['completed', 1]);
      const history = await store.history(sagaId);
      same(
        history.map(({ rev }) => rev),
        Array.from({ length: saga.rev }, (_, n) => n + 1),
      );
      assert.equal(saga.rev, 1 + 2 * wide.steps.length);
    }
  }),
];

/** Claims whatever it can, as deliveries in any order would. */
async function work(scenario: Scenario, ids: readonly string[]): Promise<void> {
  let open = [...ids];
  for (let rounds = 0; open.length > 0; rounds++) {
    assert.ok(rounds < 1_000, 'the sagas do not come to their end');
    for (const sagaId of open) {
      const { saga } = await scenario.find(sagaId);
      for (const { step: place, state } of saga.operations.values()) {
        if (state !== 'started') continue;
        const result = await scenario.tryClaim(sagaId, action(place));
        if (result.kind === 'claimed') assert.equal((await scenario.complete(result.claim)).kind, 'applied');
      }
    }
    const states = await scenario.store.states(open);
    open = open.filter((sagaId) => states.get(sagaId) === 'started');
  }
}

/** The same events go through the store and through `transition`; after each one both hold the same saga. */
async function walk({ store }: StoreFixture, random: Random): Promise<void> {
  const scenario = new Scenario(store);
  for (let sagas = 0; sagas < 4; sagas++) {
    const offer = random.chance(0.5) ? { chain: randomOffer(random) } : {};
    const request = startRequest(randomPlan(random), offer);
    const started = await store.start(request);
    const first = started.kind === 'started' ? started.chained?.next : undefined;
    let model: SagaValue = first?.basis.saga ?? request.saga;
    const claims: Claim[] = first === undefined ? [] : [first];
    for (let events = 0; events < 60 && !(isTerminal(model.state) && random.chance(0.7)); events++) {
      const go = random.oneOf([claimAny, claimAny, reportAny, reportAny, claimSome, reportSome]);
      const next = await go(scenario, request.plan, model, claims, random);
      claims.push(...next.claims);
      model = next.saga;
      same(comparable((await scenario.find(request.sagaId)).saga), comparable(model));
    }
    const history = await store.history(request.sagaId);
    same(
      history.map(({ rev }) => rev),
      Array.from({ length: model.rev }, (_, n) => n + 1),
    );
  }
}

interface Next {
  readonly saga: SagaValue;
  readonly claims: readonly Claim[];
}

/** Whatever waits, at the same time. */
async function claimSome(scenario: Scenario, of: Plan, model: SagaValue, _claims: readonly Claim[], random: Random): Promise<Next> {
  const refs = [...model.operations.values()].filter(({ state }) => state === 'started' || random.chance(0.1)).map(refOf);
  const asked = refs.map((ref) => ({ ref, claimId: `s${random.next()}` }));
  const results = await Promise.all(asked.map(async ({ ref, claimId }) => scenario.tryClaim(model.id, ref, { claimId, leaseMs: 0 })));
  const claims = results.flatMap((result) => (result.kind === 'claimed' ? [result.claim] : []));
  // Which of them came first is the store's affair; what they have come to is not.
  const revs = await claimRevs(scenario, of, model.id);
  const inOrder = [...claims].sort((one, other) => (revs.get(claimKey(one.operation)) ?? 0) - (revs.get(claimKey(other.operation)) ?? 0));
  let saga = model;
  for (const { operation, claimId } of inOrder) {
    const decision = transition(of, saga, { type: 'claim', operation: refOf(operation), claimId, due: true });
    assert.ok(decision.kind === 'moved', `${operationKey(operation)} was claimed, and must not be`);
    saga = decision.saga;
  }
  for (const [place, { ref, claimId }] of asked.entries()) {
    const decision = transition(of, saga, { type: 'claim', operation: ref, claimId, due: true });
    if (results[place]?.kind !== 'claimed') assert.equal(decision.kind, 'ignored', `${operationKey(ref)} was not claimed, and could be`);
  }
  return { saga, claims };
}

/** When each claim was, as the history tells. */
async function claimRevs({ store }: Scenario, of: Plan, sagaId: string): Promise<ReadonlyMap<string, number>> {
  const places = new Map(of.steps.map(({ name }, place) => [name, place]));
  const entries = (await store.history(sagaId)).filter(({ kind }) => kind === 'claim');
  return new Map(
    entries.map(({ rev, step: name, direction, round, fence }) => [`${direction}:${places.get(name ?? '')}:${round}/${fence}`, rev]),
  );
}

function claimKey(operation: Operation): string {
  return `${operationKey(operation)}/${operation.fence}`;
}

/** Several reports in one call: as if one had come after the other. */
async function reportSome(scenario: Scenario, of: Plan, model: SagaValue, claims: readonly Claim[], random: Random): Promise<Next> {
  const events = Array.from({ length: 2 + Math.floor(random.next() * 4) }, () => {
    return randomEvent(model, claims.length === 0 ? null : random.oneOf(claims.slice(-6)), random);
  });
  let saga = model;
  const expected = events.map((event) => {
    const decision = transition(of, saga, event);
    if (decision.kind !== 'moved')
      return { kind: 'ignored', reason: decision.kind === 'ignored' ? decision.reason : '', state: saga.state };
    saga = decision.saga;
    return { kind: 'applied', rev: saga.rev, effects: decision.effects };
  });
  const requests = events.map((event) => ({ sagaId: model.id, event, resendMs: RESEND_MS, graceMs: 0 }));
  const results = await scenario.store.apply(requests, transition);
  same(
    results.map((result) => (result.kind === 'applied' ? { kind: 'applied', rev: result.saga.rev, effects: result.effects } : result)),
    expected,
  );
  return { saga, claims: [] };
}

async function claimAny(scenario: Scenario, of: Plan, model: SagaValue, _claims: readonly Claim[], random: Random): Promise<Next> {
  const waiting = [...model.operations.values()].filter(({ state }) => state === 'started');
  const operation = random.chance(0.8) && waiting.length > 0 ? random.oneOf(waiting) : random.oneOf([...model.operations.values()]);
  const ref = refOf(operation);
  const claimId = `c${random.next()}`;
  const decision = transition(of, model, { type: 'claim', operation: ref, claimId, due: true });
  // A lease that is over at once, so that any operation may be taken away from its worker.
  const result = await scenario.tryClaim(model.id, ref, { claimId, leaseMs: 0 });
  if (decision.kind !== 'moved') {
    same(result, { kind: 'refused', reason: decision.kind === 'ignored' ? decision.reason : '' });
    return { saga: model, claims: [] };
  }
  assert.ok(result.kind === 'claimed');
  same(result.claim.operation, decision.saga.operations.get(operationKey(ref)));
  return { saga: decision.saga, claims: [result.claim] };
}

async function reportAny(scenario: Scenario, of: Plan, model: SagaValue, claims: readonly Claim[], random: Random): Promise<Next> {
  const claim = claims.length === 0 ? null : random.chance(0.7) ? (claims.at(-1) as Claim) : random.oneOf(claims);
  const event = randomEvent(model, claim, random);
  const decision = transition(of, model, event);
  assert.notEqual(decision.kind, 'need');
  const basis: { readonly basis?: Basis } = claim !== null && random.chance(0.6) ? { basis: claim.basis } : {};
  const offer = claim !== null && random.chance(0.5) ? { ...randomOffer(random), after: claim } : null;
  const result = await scenario.apply(model.id, event, { graceMs: 0, ...basis, ...(offer !== null && { chain: offer }) });
  if (decision.kind !== 'moved') {
    same(result, { kind: 'ignored', reason: decision.kind === 'ignored' ? decision.reason : '', state: model.state });
    return { saga: model, claims: [] };
  }
  assert.ok(result.kind === 'applied', JSON.stringify(result));
  const chained = offer === null ? null : chain(of, decision, offer);
  // A report from what was true is the first: nobody came in between, so there is no reason to claim nothing.
  if (basis.basis?.saga.rev === model.rev) assert.equal(result.next !== undefined, chained !== null);
  if (result.ended !== undefined) same(result.ended, await scenario.find(model.id));
  if (result.next === undefined || chained === null) {
    assert.equal(result.next, undefined);
    same(result.effects, decision.effects);
    return { saga: decision.saga, claims: [] };
  }
  same(result.effects, chained.effects);
  same(result.next.operation, chained.saga.operations.get(operationKey(chained.operation)));
  return { saga: chained.saga, claims: [result.next] };
}

/** A lease that is over at once, as above. */
function randomOffer(random: Random): ChainOffer {
  const accepts = (): boolean => true;
  return { claimId: `n${random.next()}`, worker: 'w', leaseMs: 0, conditions: random.chance(0.7) ? ['needed'] : [], accepts };
}

function randomEvent(model: SagaValue, claim: Claim | null, random: Random): SagaEvent {
  const rare = random.next();
  if (rare < 0.02) return { type: 'deadline' };
  if (rare < 0.05 || claim === null) return { type: 'compensate', reason: 'walk', actor: null };
  const seed = random.next();
  const of = { operation: refOf(claim.operation), fence: claim.operation.fence, claimId: claim.claimId };
  const error = { code: 'WALK', message: 'a step into the dark' };
  if (rare < 0.1) {
    const result = random.chance(0.5) ? ({ kind: 'completed', output: { by: 'hand' } } as const) : ({ kind: 'failed', error } as const);
    return { type: 'reported', operation: refOf(random.oneOf([...model.operations.values()])), result, actor: 'ann' };
  }
  if (rare < 0.2) return { type: 'lease-expired', ...of, seed };
  const { condition } = model.operations.get(operationKey(claim.operation)) ?? claim.operation;
  if (condition !== null && rare < 0.7) {
    return random.chance(0.8) ? { type: 'admitted', ...of } : { type: 'skipped', ...of, reason: 'no need', neverRan: true };
  }
  if (rare < 0.25) return { type: 'released', ...of, interrupted: random.chance(0.5) };
  if (rare < 0.45) {
    const outcome = random.chance(0.5) ? 'failed' : 'unknown';
    return { type: 'failed', ...of, error, outcome, retryable: random.oneOf([undefined, true, false]), retryAfterMs: 0, seed };
  }
  return {
    type: 'completed',
    ...of,
    output: { seed },
    ...(claim.operation.direction === 'action' && random.chance(0.1) && { finishes: true }),
  };
}

function refOf({ step: place, direction, round }: Operation): OperationRef {
  return { step: place, direction, round };
}

function randomPlan(random: Random): Plan {
  const steps: PlanStep[] = [];
  for (let place = 0; place < 1 + Math.floor(random.next() * 6); place++) {
    const dependsOn = steps.map((_, other) => other).filter(() => random.chance(0.4));
    const policy = (): OperationPolicy => ({
      timeoutMs: 1_000,
      losses: 1 + Math.floor(random.next() * 3),
      retry: random.chance(0.5) ? null : { attempts: 1 + Math.floor(random.next() * 4), backoff: 'fixed', baseMs: 0, maxMs: 0 },
    });
    const compensation = random.chance(0.8) ? `undo.s${place}` : null;
    const condition = random.chance(0.2) ? { condition: 'needed' } : {};
    steps.push(step(`s${place}`, { dependsOn, compensation, ...condition, actionPolicy: policy(), undoPolicy: policy() }));
  }
  return { ...plan(withKinds(steps, random), 'walk'), ...(random.chance(0.5) && { undosAtOnce: 1 + Math.floor(random.next() * 3) }) };
}

/** Some steps are tried until they complete and some may fail; sometimes a pivot comes last but one. */
function withKinds(steps: readonly PlanStep[], random: Random): readonly PlanStep[] {
  const patient: OperationPolicy = { timeoutMs: 1_000, losses: 1, retry: { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 } };
  const some = steps.map((one): PlanStep => {
    if (random.chance(0.8)) return one;
    return random.chance(0.5) ? { ...one, kind: 'optional' } : { ...one, kind: 'retriable', actionPolicy: patient };
  });
  if (random.chance(0.5)) return some;
  const pivot = step('pivot', { dependsOn: some.map((_, place) => place), kind: 'pivot', compensation: null });
  const last = step('last', { dependsOn: [some.length], kind: 'retriable', compensation: null, actionPolicy: patient });
  return [...some, pivot, last];
}

interface Random {
  next(): number;
  chance(of: number): boolean;
  oneOf<T>(items: readonly T[]): T;
}

/** Mulberry32: a walk that failed can be walked again. */
function randomFrom(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  return { next, chance: (of) => next() < of, oneOf: <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T };
}
