import { beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { SagaEvent } from '../../lib/core/event';
import { startSaga } from '../../lib/core/forward';
import { operationKey, type OperationRef } from '../../lib/core/operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from '../../lib/core/plan';
import { isTerminal, withOperations, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';
import { costlyLaws, laws, type Law } from './laws';
import { partialView } from './partial-view';
import { randomPlan } from './random-plan';
import { randomMoves, walk, type Move, type Walk } from './random-walk';

/** Schedules in one run of the tests. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 10_000);
/** To see a failure again: a law that is broken prints the seed of its run. */
const SEED = process.env['PROPERTY_SEED'];

function onSchedules(numRuns: number, check: (plan: Plan, moves: readonly Move[]) => void): void {
  fc.assert(fc.property(randomPlan, randomMoves, check), { numRuns, ...(SEED !== undefined && { seed: Number(SEED) }) });
}

class BrokenLaw extends Error {
  constructor(
    readonly law: Law,
    { paces }: Walk,
    readonly reason: unknown,
  ) {
    const message = reason instanceof Error ? reason.message : String(reason);
    const story = paces.map(({ event, decision }) => {
      return `${event.type}${'operation' in event ? ` ${operationKey(event.operation)}` : ''}: ${decision.kind}`;
    });
    super(`"${law.name}" is broken: ${message}\n${story.join('\n')}`, { cause: reason });
  }
}

function hold(some: readonly Law[]): (plan: Plan, moves: readonly Move[]) => void {
  return (plan, moves) => {
    const one = walk(plan, moves);
    for (const law of some) {
      try {
        law.check(one);
      } catch (error) {
        throw new BrokenLaw(law, one, error);
      }
    }
  };
}

describe(`on ${RUNS.toLocaleString('en')} random schedules`, () => {
  let broken: unknown;

  beforeAll(() => {
    try {
      onSchedules(RUNS, hold(laws));
    } catch (error) {
      broken = error;
    }
  }, 600_000);

  it.each(laws)('$name', (law) => {
    const cause = broken instanceof Error ? broken.cause : undefined;
    if (broken !== undefined && (!(cause instanceof BrokenLaw) || cause.law === law)) throw broken;
  });

  it.each(costlyLaws)('on one in twenty of them: $name', (law) => {
    onSchedules(Math.ceil(RUNS / 20), hold([law]));
  });

  it('nothing that goes into a decision is changed by it', () => {
    onSchedules(Math.ceil(RUNS / 100), (plan, moves) => {
      const frozen = deepFreeze(plan);
      for (const { before, event, decision } of walk(frozen, moves).paces) {
        const copy = structuredClone(before);
        expect(transition(frozen, before, deepFreeze(event))).toEqual(decision);
        expect(before).toEqual(copy);
      }
    });
  });
});

describe('the random walks', () => {
  const sample = fc.sample(fc.tuple(randomPlan, randomMoves), { numRuns: 6_000, seed: 1 }).map(([plan, moves]) => walk(plan, moves));
  const paces = sample.flatMap((one) => one.paces);

  it('reach every state of a saga and of an operation', () => {
    expect(new Set(paces.map(({ after }) => after.state))).toEqual(
      new Set(['started', 'completed', 'compensating', 'compensated', 'failed', 'stuck']),
    );
    const operations = paces.flatMap(({ after }) => [...after.operations.values()].map(({ direction, state }) => `${direction} ${state}`));
    const states = ['pending', 'started', 'running', 'retrying', 'waiting', 'completed', 'failed', 'unknown', 'skipped'];
    expect(new Set(operations)).toEqual(new Set(['action', 'undo'].flatMap((direction) => states.map((state) => `${direction} ${state}`))));
  });

  it('come to late effects: another round before the end, and attention that is raised, kept and cleared after it', () => {
    const told = paces.flatMap(({ decision }) => (decision.kind === 'moved' ? decision.effects : []));
    const attention = told.flatMap((effect) => (effect.type === 'attention' ? [effect.raised] : []));
    expect(new Set(attention)).toEqual(new Set([true, false]));
    const rounds = paces.flatMap(({ after }) =>
      [...after.operations.values()]
        .filter(({ round }) => round > 1)
        .map(({ state }) => `${isTerminal(after.state) ? 'ended' : after.state} ${state}`),
    );
    expect(rounds).toEqual(
      expect.arrayContaining([
        'compensating pending',
        'compensating started',
        'stuck pending',
        'ended started',
        'ended failed',
        'ended completed',
      ]),
    );
  });

  it('come to undos beside each other, to their limit, and to one that is given up while others are under way', () => {
    const underWay = paces.map(({ after }) => {
      const undos = [...after.operations.values()].filter(({ direction, round }) => direction === 'undo' && round === 1);
      const active = undos.filter(({ state }) => state === 'started' || state === 'running' || state === 'retrying').length;
      return { state: after.state, active, givenUp: after.givenUp, isHeld: undos.some(({ state }) => state === 'pending') };
    });
    expect(Math.max(...underWay.map(({ active }) => active))).toBeGreaterThanOrEqual(3);
    expect(underWay.some(({ active, givenUp, state }) => active > 1 && givenUp > 0 && state === 'compensating')).toBe(true);
    expect(underWay.some(({ active, isHeld }) => active === 3 && isHeld)).toBe(true);
  });

  it('come to all that kinds of steps bring', () => {
    const reached = (what: (saga: SagaValue, plan: Plan) => boolean): number =>
      sample.filter(({ plan, paces: all }) => all.some(({ after }) => what(after, plan))).length;
    const isOpen = (saga: SagaValue): boolean => saga.state === 'stuck' && saga.openUndos === 0;
    const counts = {
      pastPivot: reached(({ pastPivot }) => pastPivot),
      wish: reached(({ turning, pastPivot }) => turning !== null && !pastPivot),
      tooLate: reached(({ turning, pastPivot }) => turning !== null && pastPivot),
      openPivot: reached(isOpen),
      openBesideOthers: reached((saga) => isOpen(saga) && saga.openActions > 0),
      finished: reached(({ finishedBy, state }) => finishedBy !== null && state === 'completed'),
      finishing: reached(({ finishedBy, state }) => finishedBy !== null && state === 'started'),
      overdue: reached(({ attention, state }) => attention && state === 'started'),
      undoneAfterQuestion: sample.filter(({ paces: all }) =>
        all.some(({ before, after }) => isOpen(before) && after.state === 'compensating'),
      ).length,
      forwardAfterQuestion: sample.filter(({ paces: all }) => all.some(({ before, after }) => isOpen(before) && after.pastPivot)).length,
    };
    for (const [what, times] of Object.entries(counts)) expect([what, times >= 5]).toEqual([what, true]);
  });

  it('are moved by every kind of event', () => {
    const moved = new Set(paces.filter(({ decision }) => decision.kind === 'moved').map(({ event }) => event.type));
    const types: Readonly<Record<SagaEvent['type'], true>> = {
      ...{ claim: true, released: true, completed: true, failed: true, verified: true, lost: true, 'lease-expired': true },
      ...{ deadline: true, compensate: true, cancel: true, terminate: true, pause: true, resume: true, acknowledge: true },
      ...{ admitted: true },
      ...{ 'retry-step': true, 'skip-step': true, reported: true },
      ...{ skipped: true, suspended: true, 'called-back': true, 'wait-over': true, woken: true },
    };
    expect(moved).toEqual(new Set(Object.keys(types)));
  });
});

describe('a fan-out of 1,000 steps', () => {
  it('completes from partial views alone', () => {
    const { saga, needs } = throughPartialViews(fanOut(1_000), 'completed');
    expect(saga.state).toBe('completed');
    expect(needs).toBe(0);
  });

  it('is undone from partial views, with one look at the whole, ten undos at once and never more', () => {
    const { saga, needs, most } = throughPartialViews(fanOut(1_000), 'failed');
    expect(saga.state).toBe('compensated');
    expect(needs).toBe(1);
    expect(most).toBe(10);
  });
});

describe('a row of 500 steps', () => {
  it('is undone from partial views, with one look at the whole', () => {
    const { saga, needs } = throughPartialViews(rowOf(500), 'failed');
    expect(saga.state).toBe('compensated');
    expect(needs).toBe(1);
  });
});

function step(name: string, dependsOn: readonly number[]): PlanStep {
  const policy: OperationPolicy = { timeoutMs: 60_000, retry: null, losses: 5 };
  return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn, actionPolicy: policy, undoPolicy: policy };
}

function rowOf(length: number): Plan {
  const steps = Array.from({ length }, (_, place) => step(`s${place}`, place === 0 ? [] : [place - 1]));
  return { format: PLAN_FORMAT, name: 'row', steps };
}

/** One step, then a thousand side by side, then one that waits for them all. */
function fanOut(width: number): Plan {
  const middle = Array.from({ length: width }, (_, place) => step(`m${place}`, [0]));
  return {
    format: PLAN_FORMAT,
    name: 'fan-out',
    steps: [
      step('first', []),
      ...middle,
      step(
        'last',
        middle.map((_, place) => place + 1),
      ),
    ],
  };
}

/** Claims and completes everything as it is woken, the last step excepted; counts how often a part was not enough. */
function throughPartialViews(
  plan: Plan,
  lastStep: 'completed' | 'failed',
): { readonly saga: SagaValue; readonly needs: number; readonly most: number } {
  const start = startSaga(plan, 'saga-1');
  let saga = start.saga;
  let needs = 0;
  let most = 0;
  const woken: OperationRef[] = start.effects.flatMap((effect) => (effect.type === 'dispatch' ? [effect.operation] : []));
  const happen = (event: SagaEvent): void => {
    let decision = transition(plan, partialView(plan, saga, event), event);
    if (decision.kind === 'need') {
      needs++;
      decision = transition(plan, saga, event);
    }
    if (decision.kind !== 'moved') throw new Error(`${event.type} was not taken: ${JSON.stringify(decision)}`);
    saga = { ...withOperations(saga, [...decision.saga.operations.values()]), ...counters(decision.saga) };
    for (const effect of decision.effects) if (effect.type === 'dispatch') woken.push(effect.operation);
    if (saga.openUndos > 0) most = Math.max(most, woken.length + (event.type === 'claim' ? 1 : 0));
  };
  for (let operation = woken.shift(); operation !== undefined; operation = woken.shift()) {
    const claimId = `claim-${saga.rev}`;
    happen({ type: 'claim', operation, claimId, due: true });
    const of = { operation, claimId, fence: saga.operations.get(operationKey(operation))?.fence ?? 0 };
    const isLast = operation.direction === 'action' && operation.step === plan.steps.length - 1;
    if (isLast && lastStep === 'failed')
      happen({
        type: 'failed',
        ...of,
        error: { code: 'E', message: 'no' },
        outcome: 'failed',
        retryable: false,
        retryAfterMs: undefined,
        seed: 0,
      });
    else happen({ type: 'completed', ...of, output: null });
  }
  return { saga, needs, most };
}

function counters({ operations: _operations, whole: _whole, ...rest }: SagaValue): Omit<SagaValue, 'operations' | 'whole'> {
  return rest;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
