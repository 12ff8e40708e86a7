import assert from 'node:assert/strict';
import { newOperation, operationKey, type Operation } from '../core/operation';
import type { Plan } from '../core/plan';
import { withOperations } from '../core/saga-value';
import { transition } from '../core/transition';
import type { Decide } from '../ports/report';
import { promise, type StoreCase } from './store-contract.fixture';
import { same } from './store-contract.same';
import { action, comparable, ONCE, plan, Scenario, SECOND, step, undo } from './store-contract.scenario';

/** What may stand in the way of a claim besides the states of the saga and of the operation. */
interface Obstacles {
  readonly state: 'started' | 'compensating' | 'stuck';
  readonly direction: 'action' | 'undo';
  readonly verifying: boolean;
  readonly paused: boolean;
  readonly actionPaused: boolean;
  readonly pastDeadline: boolean;
  readonly pastPivot: boolean;
  readonly turning: boolean;
  readonly canVerify: boolean;
  /** The process has the condition `known`, and no other. */
  readonly condition: 'known' | 'unknown' | null;
  readonly losses: number;
  readonly maxLosses: number;
  readonly alone: boolean;
}

export const guardCases: readonly StoreCase[] = [
  promise(
    'pauses, deadlines, pivots, questions, conditions and suspects stand in the way of a claim exactly as transition says',
    async ({ store, advance }) => {
      const scenario = new Scenario(store);
      await store.pauseAction('do.paused', { reason: null, actor: null });
      const arranged = await Promise.all(
        situations().map(async (obstacles) => ({ obstacles, sagaId: await arrange(scenario, obstacles) })),
      );
      await advance(2 * SECOND);
      const refusals = new Set<string>();
      for (const { obstacles, sagaId } of arranged) {
        const operation = obstacles.direction === 'action' ? action(0) : undo(0);
        const { canVerify, maxLosses, alone, pastDeadline, actionPaused } = obstacles;
        const terms = { claimId: 'mine', canVerify, maxLosses, alone, conditions: ['known', 'other'] };
        const before = await scenario.find(sagaId);
        const result = await scenario.tryClaim(sagaId, operation, terms);
        const event = { type: 'claim', operation, ...terms, due: true, pastDeadline, actionPaused } as const;
        const decision = transition(before.plan, before.saga, event);
        const label = JSON.stringify(obstacles);
        if (decision.kind !== 'moved') {
          const reason = decision.kind === 'ignored' ? decision.reason : '';
          same(result, { kind: 'refused', reason }, label);
          refusals.add(reason);
          continue;
        }
        assert.equal(result.kind, 'claimed', label);
        const { operations } = comparable((await scenario.find(sagaId)).saga);
        same(operations.get(operationKey(operation)), comparable(decision.saga).operations.get(operationKey(operation)), label);
      }
      same([...refusals].sort(), ['no-condition', 'no-verifier', 'past-deadline', 'paused', 'suspect', 'wrong-direction']);
    },
  ),
];

const BOTH = [false, true];

function situations(): readonly Obstacles[] {
  const calm = {
    paused: false,
    actionPaused: false,
    pastDeadline: false,
    pastPivot: false,
    turning: false,
    canVerify: true,
    condition: null,
    losses: 0,
    maxLosses: 0,
    alone: false,
  };
  const ways = (['started', 'compensating', 'stuck'] as const).flatMap((state) => [
    { state, direction: 'action' as const, verifying: false },
    { state, direction: 'action' as const, verifying: true },
    { state, direction: 'undo' as const, verifying: false },
  ]);
  const blocked = BOTH.flatMap((paused) =>
    BOTH.flatMap((actionPaused) =>
      BOTH.flatMap((pastDeadline) => BOTH.map((canVerify) => ({ ...calm, paused, actionPaused, pastDeadline, canVerify }))),
    ),
  );
  const pivots = BOTH.flatMap((pastDeadline) =>
    BOTH.flatMap((pastPivot) => BOTH.map((turning) => ({ ...calm, pastDeadline, pastPivot, turning }))),
  );
  const suspects = [0, 1, 2, 3].flatMap((losses) =>
    [0, 1, Infinity].flatMap((maxLosses) => BOTH.map((alone) => ({ ...calm, losses, maxLosses, alone }))),
  );
  const conditions = (['known', 'unknown'] as const).flatMap((condition) =>
    BOTH.flatMap((paused) => BOTH.flatMap((canVerify) => [0, 1].map((losses) => ({ ...calm, condition, paused, canVerify, losses })))),
  );
  return ways.flatMap((way) => [...blocked, ...pivots, ...suspects, ...conditions].map((rest) => ({ ...way, ...rest })));
}

/** Brings a new saga there, by a decision of our own. */
async function arrange(scenario: Scenario, obstacles: Obstacles): Promise<string> {
  const { state, direction, verifying, paused, actionPaused, pastDeadline, pastPivot, losses, condition } = obstacles;
  const turning = obstacles.turning ? ({ kind: 'deadline' } as const) : null;
  const key = actionPaused ? 'do.paused' : 'do.a';
  const of: Plan = plan([step('a', { action: key, verifyPolicy: ONCE }), step('b', { dependsOn: [0] })]);
  const sagaId = await scenario.start(of, { deadlineMs: (pastDeadline ? 1 : 1_000) * SECOND });
  const ref = direction === 'action' ? action(0) : undo(0);
  const undoing = direction === 'undo' ? ({ actionOutcome: 'completed', order: 1 } as const) : {};
  const operation: Operation = {
    ...newOperation(ref, { claims: losses, losses, fence: losses, hadUnknown: losses > 0, condition, ...undoing }),
    state: 'started',
    verifying,
  };
  const decide: Decide = (_plan, saga, event) => ({
    kind: 'moved',
    saga: { ...withOperations(saga, [operation]), state, paused, pastPivot, turning, rev: saga.rev + 1 },
    effects: [
      { type: 'dispatch', operation: ref, key: direction === 'action' ? key : 'undo.a', inMs: 0 },
      {
        type: 'record',
        entry: {
          ...{ kind: event.type, state, step: null, direction: null, round: null, fence: null, attempt: null },
          ...{ actor: null, reason: null, error: null },
        },
      },
    ],
  });
  const result = await scenario.apply(sagaId, { type: 'deadline' }, {}, decide);
  assert.equal(result.kind, 'applied', JSON.stringify(result));
  return sagaId;
}
