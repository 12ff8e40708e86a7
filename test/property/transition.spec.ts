import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { SagaEvent } from '../../lib/core/event';
import { startSaga } from '../../lib/core/forward';
import { operationKey, type OperationRef } from '../../lib/core/operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from '../../lib/core/plan';
import { withOperations, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';
import { laws } from './laws';
import { partialView } from './partial-view';
import { randomPlan } from './random-plan';
import { randomMoves, walk } from './random-walk';

/** Walks for each law. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 200);

describe('on every plan and in every order of events', () => {
  it.each(laws)('$name', (law) => {
    fc.assert(
      fc.property(randomPlan, randomMoves, (plan, moves) => law.check(walk(plan, moves))),
      { numRuns: RUNS },
    );
  });

  it('nothing that goes into a decision is changed by it', () => {
    fc.assert(
      fc.property(randomPlan, randomMoves, (plan, moves) => {
        const frozen = deepFreeze(plan);
        for (const { before, event, decision } of walk(frozen, moves).paces) {
          const copy = structuredClone(before);
          expect(transition(frozen, before, deepFreeze(event))).toEqual(decision);
          expect(before).toEqual(copy);
        }
      }),
      { numRuns: Math.min(RUNS, 100) },
    );
  });
});

describe('the random walks', () => {
  const sample = fc.sample(fc.tuple(randomPlan, randomMoves), { numRuns: 2_000, seed: 1 }).map(([plan, moves]) => walk(plan, moves));
  const paces = sample.flatMap((one) => one.paces);

  it('reach every state of a saga and of an operation', () => {
    expect(new Set(paces.map(({ after }) => after.state))).toEqual(
      new Set(['started', 'completed', 'compensating', 'compensated', 'failed', 'stuck']),
    );
    const operations = paces.flatMap(({ after }) => [...after.operations.values()].map(({ direction, state }) => `${direction} ${state}`));
    const states = ['pending', 'started', 'running', 'retrying', 'completed', 'failed', 'unknown'];
    expect(new Set(operations)).toEqual(
      new Set([...states.map((state) => `action ${state}`), 'action skipped', ...states.map((state) => `undo ${state}`)]),
    );
  });

  it('come to late effects: another round before the end, and attention that is raised, kept and cleared after it', () => {
    const told = paces.flatMap(({ decision }) => (decision.kind === 'moved' ? decision.effects : []));
    const attention = told.flatMap((effect) => (effect.type === 'attention' ? [effect.raised] : []));
    expect(new Set(attention)).toEqual(new Set([true, false]));
    const rounds = paces.flatMap(({ after }) =>
      [...after.operations.values()].filter(({ round }) => round > 1).map(({ state }) => `${after.state} ${state}`),
    );
    expect(rounds).toEqual(
      expect.arrayContaining(['compensating pending', 'compensated started', 'compensated failed', 'compensated completed']),
    );
  });

  it('are moved by every kind of event', () => {
    const moved = new Set(paces.filter(({ decision }) => decision.kind === 'moved').map(({ event }) => event.type));
    const types: readonly SagaEvent['type'][] = [
      'claim',
      'released',
      'completed',
      'failed',
      'lease-expired',
      'deadline',
      'compensate',
      'reported',
    ];
    expect(moved).toEqual(new Set(types));
  });
});

describe('a fan-out of 1,000 steps', () => {
  it('completes from partial views alone', () => {
    const { saga, needs } = throughPartialViews(fanOut(1_000), 'completed');
    expect(saga.state).toBe('completed');
    expect(needs).toBe(0);
  });

  it('is undone from partial views, with one look at the whole, when it turns back', () => {
    const { saga, needs } = throughPartialViews(fanOut(1_000), 'failed');
    expect(saga.state).toBe('compensated');
    expect(needs).toBe(1);
  });
});

/** One step, then a thousand side by side, then one that waits for them all. */
function fanOut(width: number): Plan {
  const policy: OperationPolicy = { timeoutMs: 60_000, retry: null, losses: 5 };
  const step = (name: string, dependsOn: readonly number[]): PlanStep => {
    return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn, actionPolicy: policy, undoPolicy: policy };
  };
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
function throughPartialViews(plan: Plan, lastStep: 'completed' | 'failed'): { readonly saga: SagaValue; readonly needs: number } {
  const start = startSaga(plan, 'saga-1');
  let saga = start.saga;
  let needs = 0;
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
  return { saga, needs };
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
