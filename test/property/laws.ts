import assert from 'node:assert/strict';
import type { SagaEffect } from '../../lib/core/effect';
import type { SagaEvent } from '../../lib/core/event';
import { attemptsOf, isSettled, operationKey, type Operation, type OperationKey, type OperationRef } from '../../lib/core/operation';
import type { Plan, PlanStep } from '../../lib/core/plan';
import { isTerminal, type SagaState, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';
import { isTriedForEver, isWaitingForClaim, mayBeClaimed, mostAttempts, policyFor } from './claim-oracle';
import { partialView } from './partial-view';
import { isReady, isRunning, isWaiting, refOf, type Pace, type Walk } from './random-walk';

/** Something that holds for every walk. The name is the promise; `check` throws when it is broken. */
export interface Law {
  readonly name: string;
  check(walk: Walk): void;
}

const actions = (saga: SagaValue): readonly Operation[] => [...saga.operations.values()].filter((o) => o.direction === 'action');
const undos = (saga: SagaValue): readonly Operation[] =>
  [...saga.operations.values()].filter((o) => o.direction === 'undo').sort((a, b) => a.order - b.order);
const firstRounds = (saga: SagaValue): readonly Operation[] => undos(saga).filter((undo) => undo.round === 1);
const isActive = (operation: Operation): boolean => isReady(operation) || isRunning(operation) || isWaiting(operation);
const isGivenUp = ({ state }: Operation): boolean => state === 'failed' || state === 'unknown';
const isTerminated = (saga: SagaValue): boolean => saga.cause?.kind === 'terminated';
const goesForward = (state: SagaState): boolean => state === 'started' || state === 'stuck';
const stepOf = (plan: Plan, operation: Operation): PlanStep['kind'] =>
  operation.direction === 'action' ? plan.steps[operation.step]?.kind : undefined;
/** It has settled, and those that wait for it may start. A step that was skipped before its turn has its turn first. */
const isPassed = (plan: Plan, action: Operation | undefined): boolean =>
  action?.state === 'completed' ||
  (action?.state === 'skipped' && action.waits === 0) ||
  (action !== undefined && isGivenUp(action) && stepOf(plan, action) === 'optional');
const pivotOf = (plan: Plan, saga: SagaValue): Operation | undefined => actions(saga).find((action) => stepOf(plan, action) === 'pivot');
/** Nobody knows whether there is a way back. */
const isOpenPivot = (plan: Plan, saga: SagaValue): boolean => saga.state === 'stuck' && pivotOf(plan, saga)?.state === 'unknown';

/** What a person should know of, each by a name of its own. */
function reasons(plan: Plan, saga: SagaValue): ReadonlySet<string> {
  const overdue = actions(saga).filter((action) => {
    if (!isTriedForEver(plan, action) || isSettled(action)) return false;
    const policy = policyFor(plan, action);
    return attemptsOf(action) - (isRunning(action) || isWaiting(action) ? 1 : 0) >= mostAttempts(policy) || action.blamed >= policy.losses;
  });
  const pivot = pivotOf(plan, saga);
  return new Set([
    ...overdue.map(({ step }) => `overdue ${step}`),
    ...(saga.pastPivot && saga.turning !== null ? ['wish'] : []),
    ...(pivot?.state === 'failed' && pivot.error?.code === 'LATE_EFFECT' ? ['pivot'] : []),
  ]);
}

/** What its undo is told, if it needs one. */
function owed(plan: Plan, action: Operation): 'completed' | 'unknown' | 'failed' | null {
  const step = plan.steps[action.step];
  if (step === undefined || step.compensation === null) return null;
  if (action.state === 'completed' || action.state === 'unknown') return action.state;
  if (action.state === 'failed') return step.compensateOnFailure === true ? 'failed' : null;
  return action.state === 'skipped' && action.hadUnknown ? 'unknown' : null;
}

/** Holds after every event, the start included. */
function always(name: string, check: (saga: SagaValue, plan: Plan) => void): Law {
  return {
    name,
    check: ({ plan, start, paces }) => {
      check(start.saga, plan);
      paces.forEach((pace, place) => {
        if (pace.decision.kind === 'moved') inside(pace, place, () => check(pace.after, plan));
      });
    },
  };
}

/** Holds for every event and what it did. */
function everyPace(name: string, check: (pace: Pace, walk: Walk, place: number) => void): Law {
  return { name, check: (walk) => walk.paces.forEach((pace, place) => inside(pace, place, () => check(pace, walk, place))) };
}

/** Holds for every event that moved the saga. */
function everyStep(name: string, check: (pace: Pace, effects: readonly SagaEffect[], walk: Walk, place: number) => void): Law {
  return everyPace(name, (pace, walk, place) => {
    if (pace.decision.kind === 'moved') check(pace, pace.decision.effects, walk, place);
  });
}

function inside(pace: Pace, place: number, check: () => void): void {
  try {
    check();
  } catch (error) {
    const operation = 'operation' in pace.event ? ` ${operationKey(pace.event.operation)}` : '';
    const where = `event ${place}, ${pace.event.type}${operation}, ${pace.before.state} → ${pace.after.state}`;
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

const EDGES: Readonly<Record<SagaState, readonly SagaState[]>> = {
  // Stuck when nobody knows how the pivot ended.
  started: ['started', 'completed', 'compensating', 'failed', 'stuck'],
  compensating: ['compensating', 'compensated', 'failed', 'stuck'],
  // Compensated at once when a person says that the last undo is done; started, completed and failed when somebody says how the pivot ended.
  stuck: ['stuck', 'compensating', 'compensated', 'started', 'completed', 'failed'],
  completed: [],
  compensated: [],
  failed: [],
};

/** Laws that are cheap to check: they see every schedule. */
export const laws: readonly Law[] = [
  everyPace('an ended saga keeps its state, and hears of nothing but late effects and their undo', (pace) => {
    const { before, after, event, decision } = pace;
    if (!isTerminal(before.state)) return;
    assert.equal(after.state, before.state);
    if (decision.kind === 'moved' && !before.attention) assert.ok(isLateEffect(pace), event.type);
    for (const [key, operation] of before.operations) {
      const now = after.operations.get(key);
      if (operation.direction === 'action') assert.equal(now?.state, operation.state, key);
    }
  }),

  {
    name: 'attention is raised while a late effect is not undone, and by a wish that came too late or a step that does not complete, once each',
    check: ({ plan, paces }) => {
      let left: ReadonlySet<OperationKey> = new Set();
      paces.forEach((pace, place) => {
        const { before, after, event } = pace;
        // What a person ended as it was stays as it was.
        if (isTerminated(after) && !isTerminal(before.state)) left = new Set(undos(after).map(operationKey));
        for (const key of isTerminal(before.state) ? left : []) {
          inside(pace, place, () => assert.equal(after.operations.get(key), before.operations.get(key), `${key} was left as it was`));
        }
        const open = undos(after).filter((undo) => undo.state !== 'completed' && !left.has(operationKey(undo)));
        const [known, now] = [reasons(plan, before), reasons(plan, after)];
        const isNews = [...now].some((reason) => !known.has(reason));
        const isLate = isTerminal(after.state) && open.length > 0;
        const isSeen = pace.decision.kind === 'moved' && event.type === 'acknowledge';
        inside(pace, place, () => {
          assert.equal(after.attention, isLate || isNews || (!isSeen && now.size > 0 && before.attention));
          assert.equal(after.openUndos, open.length, 'openUndos');
        });
      });
    },
  },

  everyStep('attention is told when it is raised, and when it is cleared', ({ before, after }, effects) => {
    const told = effects.flatMap((effect) => (effect.type === 'attention' ? [effect.raised] : []));
    if (before.attention !== after.attention) assert.deepEqual(told, [after.attention]);
    else assert.ok(!told.includes(false));
  }),

  everyStep('a late effect asks for another round of an undo that will not do, and nothing else asks for one', (pace) => {
    const { before, after, event } = pace;
    const rounds = undos(after).filter(({ round }) => round > 1).length - undos(before).filter(({ round }) => round > 1).length;
    if (rounds === 0) return;
    assert.equal(rounds, 1);
    assert.ok(isLateEffect(pace) && 'operation' in event, event.type);
    const [newest, previous] = undos(after)
      .filter((undo) => undo.step === event.operation.step)
      .sort((a, b) => b.round - a.round);
    const wasTried = previous === undefined || previous.fence > 0 || previous.state === 'completed';
    assert.ok(wasTried || previous.actionOutcome === 'failed', 'the round before was tried, or believed in a failure');
    assert.equal(newest?.round, (previous?.round ?? 1) + 1);
    assert.equal(newest.actionOutcome, event.type === 'suspended' ? 'unknown' : 'completed');
  }),

  everyPace('a whole saga is always enough to decide', ({ decision }) => {
    assert.notEqual(decision.kind, 'need');
  }),

  everyStep(
    'rev rises by exactly one with each event that moves the saga, and one history row is asked for',
    ({ before, after }, effects) => {
      assert.equal(after.rev, before.rev + 1);
      const records = effects.filter((effect) => effect.type === 'record');
      assert.equal(records.length, 1);
      assert.equal(records[0]?.entry.state, after.state);
    },
  ),

  everyStep('a saga changes its state only along the edges of the diagram', ({ before, after, event }) => {
    if (isTerminal(before.state)) assert.equal(after.state, before.state);
    else if (event.type === 'terminate') assert.equal(after.state, 'failed');
    else assert.ok(EDGES[before.state].includes(after.state), `${before.state} → ${after.state}`);
  }),

  everyStep('waiters are told exactly when the saga ends or gets stuck', ({ before, after }, effects) => {
    const ended = effects.flatMap((effect) => (effect.type === 'ended' ? [effect.state] : []));
    const arrived = before.state !== after.state && (isTerminal(after.state) || after.state === 'stuck');
    assert.deepEqual(ended, arrived ? [after.state] : []);
  }),

  always('the join counters are what a recount gives', (saga, plan) => {
    const waitsForTurn = (action: Operation): boolean =>
      (saga.state === 'started' || isOpenPivot(plan, saga)) && action.state === 'skipped' && action.waits > 0;
    const open = actions(saga).filter((action) => !isSettled(action) || waitsForTurn(action));
    assert.equal(saga.openActions, open.length, 'openActions');
    for (const action of open) {
      const others = plan.steps[action.step]?.dependsOn.filter((other) => !isPassed(plan, saga.operations.get(`action:${other}:1`)));
      assert.equal(action.waits, others?.length, `waits of action ${action.step}`);
      if (action.state !== 'skipped') assert.equal(action.state === 'pending', action.waits > 0, `action ${action.step} waits`);
    }
    if (isTerminal(saga.state)) return; // rounds of an ended saga wait for nobody
    for (const undo of undos(saga)) {
      if (undo.state !== 'pending') assert.equal(undo.waits, 0, `undo ${undo.step} waits although it has begun`);
      if (undo.round > 1) {
        const before = saga.operations.get(`undo:${undo.step}:${undo.round - 1}`);
        const waits = undo.state === 'pending' && before !== undefined && before.state !== 'completed' ? 1 : 0;
        assert.equal(undo.waits, waits, `waits of round ${undo.round} of undo ${undo.step}`);
        continue;
      }
      if (saga.givenUp > 0) continue; // from then on the operations themselves are asked
      assert.equal(undo.state === 'pending', undo.waits > 0, `undo ${undo.step} waits exactly as long as its counter says`);
      const others = firstRounds(saga).filter(({ state, releases }) => state !== 'completed' && releases.includes(undo.step));
      assert.equal(undo.waits, others.length, `waits of undo ${undo.step}`);
    }
  }),

  everyStep('what is given up is counted, or passed by', ({ before, after, event }, _effects, { plan }) => {
    const news = undos(after).filter((undo) => {
      const was = before.operations.get(operationKey(undo));
      return (
        (isGivenUp(undo) && !(was !== undefined && isGivenUp(was))) || (isActive(undo) && isPassedBy(plan, undo) && !isPassedBy(plan, was))
      );
    });
    assert.equal(after.givenUp, before.givenUp + (isTerminal(before.state) || event.type === 'terminate' ? 0 : news.length));
  }),

  always('an action starts only when everything it depends on has completed, or was skipped by a person', (saga, plan) => {
    for (const action of actions(saga)) {
      if (action.claims === 0 && !isActive(action)) continue;
      for (const other of plan.steps[action.step]?.dependsOn ?? [])
        assert.ok(isPassed(plan, saga.operations.get(`action:${other}:1`)), `action ${action.step} waits for ${other}`);
    }
  }),

  everyPace('a claim succeeds exactly by its rule, and never while the saga is paused', ({ before, event, decision }, { plan }) => {
    if (event.type !== 'claim') return;
    const operation = before.operations.get(operationKey(event.operation));
    assert.equal(decision.kind === 'moved', mayBeClaimed(plan, before, operation, event));
  }),

  everyStep('a claim that a loss can be blamed on is one that was lost twice and runs alone', ({ after, event }) => {
    if (event.type !== 'claim') return;
    const operation = after.operations.get(operationKey(event.operation));
    if (operation === undefined) return;
    assert.equal(operation.alone, event.alone === true && operation.losses >= 2);
    assert.equal(operation.timedOut, false);
  }),

  everyStep('what is lost is counted, and blamed only on what ran alone or said so itself', ({ before, after, event }) => {
    for (const [key, operation] of after.operations) {
      const was = before.operations.get(key);
      if (was === undefined || operation.claims === 0 || !('operation' in event) || operationKey(event.operation) !== key) continue;
      const expired = event.type === 'lease-expired' && !was.timedOut;
      assert.equal(operation.losses, was.losses + (expired ? 1 : 0), `losses of ${key}`);
      assert.equal(operation.blamed, was.blamed + ((expired && was.alone) || event.type === 'lost' ? 1 : 0), `blamed losses of ${key}`);
    }
  }),

  always('an undo is asked for only after every action has settled', (saga) => {
    if (undos(saga).length > 0)
      assert.deepEqual(
        actions(saga).filter((action) => !isSettled(action)),
        [],
      );
  }),

  always('an undo is asked for only after everything that was built on its step is undone', (saga, plan) => {
    if (isTerminated(saga)) return;
    for (const undo of firstRounds(saga))
      if (undo.state !== 'pending') assert.deepEqual(stillBuiltOn(plan, saga, undo).map(operationKey), [], `undo ${undo.step} has begun`);
  }),

  everyStep('no more undos run at once than may, unless a person has one tried again', ({ before, after, event }, _effects, { plan }) => {
    const underWay = (saga: SagaValue): number => firstRounds(saga).filter((undo) => isActive(undo) && !isPassedBy(plan, undo)).length;
    // Somebody has helped the saga that it waits for, and it goes on.
    const goesOn = event.type === 'suspended' && isPassedBy(plan, before.operations.get(operationKey(event.operation)));
    const most = Math.max(limitOf(plan), underWay(before) + (event.type === 'retry-step' || goesOn ? 1 : 0));
    assert.ok(underWay(after) <= most, `${underWay(after)} are under way, and ${limitOf(plan)} may be`);
  }),

  always('an undo that may begin has begun: only the limit holds it back, or one that was given up', (saga, plan) => {
    if (saga.state !== 'compensating') return;
    const firsts = firstRounds(saga);
    const isHalted = plan.onStuck !== 'continue' && undos(saga).some(isGivenUp);
    const isFull = firsts.filter((undo) => isActive(undo) && !isPassedBy(plan, undo)).length >= limitOf(plan);
    for (const undo of firsts) {
      if (undo.state !== 'pending' || isHalted || isFull || stillBuiltOn(plan, saga, undo).length > 0) continue;
      assert.ok(saga.givenUp === 0 && firsts.length > limitOf(plan), `undo ${undo.step} waits for nothing`);
      const inItsWay = firsts.filter(({ state, releases }) => state !== 'completed' && releases.includes(undo.step));
      assert.ok(inItsWay.length > 0, `undo ${undo.step} waits for nobody`);
    }
    for (const undo of undos(saga))
      if (undo.round > 1 && undo.state === 'pending') assert.ok(undo.waits > 0 || isHalted || saga.givenUp > 0);
  }),

  everyStep(
    'while one is given up nothing more begins but what a person has tried again, if that is the rule',
    (pace, _effects, { plan }) => {
      const { before, after, event } = pace;
      if (plan.onStuck === 'continue' || isTerminal(after.state) || !undos(after).some(isGivenUp)) return;
      const begun = undos(after).filter(
        (undo) => isActive(undo) && !isActive(before.operations.get(operationKey(undo)) ?? { ...undo, state: 'pending' }),
      );
      assert.deepEqual(
        begun.map(({ step }) => step),
        event.type === 'retry-step' && begun.length > 0 ? [event.step] : [],
      );
    },
  ),

  always('no undo waits for that of a step that started earlier', (saga) => {
    for (const undo of firstRounds(saga))
      for (const step of undo.releases) assert.ok((saga.operations.get(`undo:${step}:1`)?.order ?? 0) > undo.order);
  }),

  always('one at a time means the reverse order of start', (saga, plan) => {
    if (limitOf(plan) > 1 || saga.givenUp > 0 || isTerminated(saga)) return;
    const begun = firstRounds(saga).filter((undo) => undo.state !== 'pending');
    assert.deepEqual(firstRounds(saga).slice(0, begun.length), begun);
    for (const undo of begun.slice(0, -1)) assert.equal(undo.state, 'completed');
  }),

  everyStep('undos come in strictly reverse order of the first claims', ({ before, after }, _effects, { paces }, place) => {
    if (undos(before).length > 0 || firstRounds(after).length === 0) return;
    const claimed = paces.slice(0, place + 1).flatMap(({ event, decision }) => {
      return event.type === 'claim' && event.operation.direction === 'action' && decision.kind === 'moved' ? [event.operation.step] : [];
    });
    const order = [...new Set(claimed)].reverse();
    const undone = firstRounds(after).map((undo) => undo.step);
    assert.deepEqual(
      undone.filter((step) => order.includes(step)),
      order.filter((step) => undone.includes(step)),
    );
  }),

  always('no step is undone before a step that was built on it', (saga, plan) => {
    const placeOf = new Map(firstRounds(saga).map((undo, place) => [undo.step, place]));
    for (const [step, place] of placeOf)
      for (const other of ancestors(plan, step)) assert.ok(place < (placeOf.get(other) ?? Infinity), `${other} is undone before ${step}`);
  }),

  everyStep(
    'exactly the actions that may have happened, or ask for it, are undone, with what is known of their outcome',
    (pace, _effects, { plan }) => {
      const { before, after } = pace;
      if (before.openUndos > 0 || undos(before).length > 0 || firstRounds(after).length === 0) return;
      const expected = actions(after).flatMap((action) => {
        const outcome = owed(plan, action);
        return outcome === null ? [] : [[action.step, outcome] as const];
      });
      assert.deepEqual(new Map(firstRounds(after).map((undo) => [undo.step, undo.actionOutcome])), new Map(expected));
    },
  ),

  always('a saga is where its operations say', (saga, plan) => {
    const owing = actions(saga).filter((action) => owed(plan, action) !== null);
    const undone = owing.filter((action) => saga.operations.get(`undo:${action.step}:1`)?.state === 'completed');
    const givenUp = undos(saga).filter(isGivenUp);
    const allPassed = actions(saga).every((action) => isPassed(plan, action));
    assert.equal(saga.state === 'completed', allPassed && saga.cause === null, 'completed means that every action completed');
    assert.equal(saga.cause === null, saga.state === 'started' || saga.state === 'completed', 'a saga that turned back says why');
    if (saga.state === 'stuck' && !isOpenPivot(plan, saga))
      assert.ok(givenUp.length > 0 && !undos(saga).some(isActive), 'stuck means that an undo was given up, or that the pivot is unknown');
    if (pivotOf(plan, saga)?.state === 'unknown' && !isTerminated(saga)) assert.equal(saga.state, 'stuck', 'an unknown pivot');
    if (saga.state === 'compensating' && undos(saga).length > 0) assert.ok(undos(saga).some(isActive), 'an undo is under way');
    if (saga.state === 'compensated') assert.ok(owing.length > 0 && undone.length === owing.length, 'compensated means that all is undone');
    if (saga.state === 'failed' && !isTerminated(saga)) assert.deepEqual(owing, [], 'failed means that nothing needed an undo');
    if (isTerminal(saga.state)) assert.ok(!saga.paused, 'an ended saga is not paused');
    if (isTerminal(saga.state) && !saga.attention)
      assert.ok([...saga.operations.values()].every(isSettled), 'an ended saga has nothing open');
  }),

  always('a stuck saga has undone all that it could: what is left was built on by what was given up', (saga, plan) => {
    if (saga.state !== 'stuck' || plan.onStuck !== 'continue') return;
    for (const undo of firstRounds(saga)) if (undo.state === 'pending') assert.ok(isHeldBack(plan, saga, undo), `undo ${undo.step}`);
  }),

  everyStep('a failed attempt never hides one whose outcome is unknown: only an answer or a person does', ({ before, after, event }) => {
    for (const [key, operation] of after.operations) {
      const was = before.operations.get(key);
      if (was?.hadUnknown === true) assert.ok(operation.hadUnknown);
      if (!operation.hadUnknown || operation.state !== 'failed' || was?.state === 'failed') continue;
      assert.ok(event.type === 'reported' || (event.type === 'verified' && event.found.kind === 'not-done'), `${event.type} failed ${key}`);
    }
  }),

  everyStep('an attempt that may have taken effect leaves a mark', ({ before, after, event }, _effects, { plan }) => {
    if (!('fence' in event)) return;
    const was = before.operations.get(operationKey(event.operation));
    const now = after.operations.get(operationKey(event.operation));
    if (was?.state !== 'running' || now === undefined || policyFor(plan, was).transactional === true) return;
    if (was.condition !== null) return; // its handler was not run
    const isDoubtful =
      event.type === 'lease-expired' ||
      (event.type === 'failed' && event.outcome === 'unknown') ||
      (event.type === 'released' && event.interrupted);
    if (isDoubtful) assert.ok(now.hadUnknown);
    if (isDoubtful && isSettled(now)) assert.equal(now.state, 'unknown');
  }),

  always('a step whose condition has not said yes is never unknown, and if it is skipped it is never undone', (saga) => {
    for (const action of actions(saga).filter(({ condition }) => condition !== null)) {
      assert.ok(!action.hadUnknown && action.state !== 'unknown', `action ${action.step}`);
      if (action.state !== 'skipped') continue;
      assert.ok(
        undos(saga).every((undo) => undo.step !== action.step),
        `undo ${action.step}`,
      );
    }
  }),

  everyStep('a condition says yes to an attempt once, and is not asked again', ({ before, after, event }) => {
    for (const [key, operation] of after.operations) {
      const was = before.operations.get(key);
      if (was === undefined || was.condition === operation.condition) continue;
      assert.ok(event.type === 'admitted' && operationKey(event.operation) === key && was.state === 'running', event.type);
      assert.deepEqual([was.condition === null, operation.condition, operation.state], [false, null, 'running']);
    }
  }),

  always('what runs in the transaction of its outcome is never unknown', (saga, plan) => {
    for (const operation of saga.operations.values()) {
      const step = plan.steps[operation.step];
      const { transactional } = (operation.direction === 'action' ? step?.actionPolicy : step?.undoPolicy) ?? {};
      // But what somebody outside was asked for has no part in the transaction.
      const isOutside = operation.wait !== null || operation.heard !== null;
      if (transactional === true && !isOutside) assert.ok(operation.state !== 'unknown' && !operation.hadUnknown, operationKey(operation));
    }
  }),

  everyStep('an action of unknown outcome is asked after, once, where somebody can say', ({ before, after, event }, _effects, { plan }) => {
    for (const action of actions(after)) {
      const was = before.operations.get(operationKey(action));
      const canBeAsked = plan.steps[action.step]?.verifyPolicy !== undefined;
      if (action.verifying) assert.ok(canBeAsked && action.hadUnknown);
      if (was?.verifying === true) assert.ok(action.verifying);
      if (action.verifying && was?.verifying !== true) assert.deepEqual([action.state, action.claims], ['started', 0]);
      const isUnsaid = event.type === 'terminate' || (event.type === 'suspended' && was?.state === 'failed'); // a person had answered
      if (action.state === 'unknown' && was?.state !== 'unknown' && canBeAsked) assert.ok(action.verifying || isUnsaid);
    }
  }),

  everyStep('the answer of whoever was asked is what the action ends with', ({ after, event }) => {
    if (event.type !== 'verified') return;
    const action = after.operations.get(operationKey(event.operation));
    if (event.found.kind === 'done') assert.deepEqual([action?.state, action?.output], ['completed', event.found.output]);
    if (event.found.kind === 'not-done') assert.equal(action?.state, 'failed');
    if (event.found.kind === 'unknown') assert.ok(action?.state !== 'completed' && action?.state !== 'failed');
  }),

  everyStep('a wake-up is asked for exactly when an operation waits for a claim that did not before', (pace, effects, { plan }) => {
    const { before, after, event } = pace;
    const sent = effects.flatMap((effect) => (effect.type === 'dispatch' ? [operationKey(effect.operation)] : []));
    const expected = [...after.operations.values()].filter((operation) => {
      if (!isWaitingForClaim(plan, after, operation)) return false;
      if (event.type === 'resume') return operation.state === 'started';
      const was = before.operations.get(operationKey(operation));
      const isAsBefore = was !== undefined && was.state === operation.state && was.verifying === operation.verifying;
      return !(isAsBefore && isWaitingForClaim(plan, before, was));
    });
    assert.deepEqual(sent.sort(), expected.map(operationKey).sort());
  }),

  everyStep('a wake-up names the handler, and is delayed exactly when the operation is', ({ after }, effects, { plan }) => {
    for (const effect of effects) {
      if (effect.type !== 'dispatch') continue;
      const operation = after.operations.get(operationKey(effect.operation));
      const step = plan.steps[effect.operation.step];
      assert.equal(effect.key, effect.operation.direction === 'action' ? step?.action : step?.compensation);
      assert.ok(Number.isInteger(effect.inMs) && effect.inMs >= 0, `${effect.inMs} ms`);
      assert.equal(operation?.state, effect.inMs > 0 ? 'retrying' : 'started');
    }
  }),

  everyStep(
    'whoever runs an action when the saga turns back is told, everybody when it is terminated, and nobody else',
    (pace, effects) => {
      const { before, after, event } = pace;
      const told = effects.flatMap((effect) => (effect.type === 'abort' ? [operationKey(effect.operation)] : []));
      const turned = goesForward(before.state) && undos(before).length === 0 && after.state === 'compensating';
      const running = actions(after).filter((action) => isRunning(action) && !action.verifying);
      const cutOff = [...before.operations.values()].filter(isRunning);
      const expected = event.type === 'terminate' ? cutOff : turned ? running : [];
      assert.deepEqual(told.sort(), expected.map(operationKey).sort());
    },
  ),

  everyStep('a fence rises at each claim and when the operation is taken away, and at nothing else', (pace, _effects, { plan }) => {
    const { before, after, event } = pace;
    for (const [key, operation] of after.operations) {
      const was = before.operations.get(key);
      assert.equal(operation.fence, (was?.fence ?? 0) + (takesAway(pace, plan, key, was) ? 1 : 0), `fence of ${key} after ${event.type}`);
    }
  }),

  always('nothing is claimed more often than its policy allows', (saga, plan) => {
    for (const operation of saga.operations.values()) {
      if (isTriedForEver(plan, operation)) continue;
      const policy = policyFor(plan, operation);
      assert.ok(attemptsOf(operation) >= 0 && attemptsOf(operation) <= mostAttempts(policy), `attempts of ${operationKey(operation)}`);
      assert.ok(operation.blamed <= policy.losses, `losses of ${operationKey(operation)}`);
    }
  }),

  everyStep(
    'an attempt that ends is followed by another exactly when its policy, its time and the direction say so',
    (pace, _effects, { plan }) => {
      const { before, after, event } = pace;
      if (event.type !== 'failed' && !(event.type === 'verified' && event.found.kind === 'unknown')) return;
      const was = before.operations.get(operationKey(event.operation));
      const now = after.operations.get(operationKey(event.operation));
      if (was === undefined || now === undefined) return;
      const isOfAction = was.direction === 'action' && !was.verifying;
      const isWaitedFor = before.turning !== null && stepOf(plan, was) === 'pivot';
      const isLeftOut = before.finishedBy !== null && was.condition !== null;
      const isOver = isOfAction && (!goesForward(before.state) || isWaitedFor || isLeftOut);
      if (was.heard !== null && !was.verifying)
        return assert.ok(
          was.heard.kind === 'completed' || !isReady(now) || now.verifying || isTriedForEver(plan, was),
          'after a word from outside',
        );
      const wish = event.type === 'failed' ? event.retryable : undefined;
      const { retry } = policyFor(plan, was);
      const most = retry?.attempts ?? (wish === true ? 3 : 1);
      const isLate = (event.elapsedMs ?? 0) > (retry?.maxElapsedMs ?? Infinity);
      const again = was.verifying === now.verifying && isReady(now);
      if (isTriedForEver(plan, was)) return assert.equal(again, !isOver, 'a retriable step');
      if (wish === false || isOver || isLate || attemptsOf(was) >= most) assert.ok(!again, 'one too many');
      else if ((event.elapsedMs ?? 0) + 60_000 <= (retry?.maxElapsedMs ?? Infinity)) assert.ok(again, 'one too few');
    },
  ),

  everyPace('the same word twice in a row changes nothing the second time', ({ before, after, event }, { plan }) => {
    // Said of an undo that has another round behind it, the same word is about that one the second time.
    if (event.type === 'reported' && reportedKey(before, event.operation) !== reportedKey(after, event.operation)) return;
    assert.equal(transition(plan, after, event).kind, 'ignored');
  }),

  everyPace('only the claim that is running is heard, and the late effect of one that was given up', (pace) => {
    const { before, event, decision } = pace;
    if (!('claimId' in event) || !('fence' in event)) return;
    const operation = before.operations.get(operationKey(event.operation));
    const isRunningClaim = operation?.state === 'running' && operation.fence === event.fence && operation.claimId === event.claimId;
    const saysYesAgain = event.type === 'admitted' && operation?.condition === null;
    if (isRunningClaim) assert.equal(decision.kind, saysYesAgain ? 'ignored' : 'moved');
    else if (decision.kind === 'moved') assert.ok(isLateEffect(pace));
  }),

  everyStep("an operation begins to wait by its handler's word alone, and says for how long", ({ before, after, event }, effects) => {
    const begun = [...after.operations].filter(
      ([key, operation]) => isWaiting(operation) && before.operations.get(key)?.state !== 'waiting',
    );
    const told = effects.flatMap((effect) => (effect.type === 'wait' ? [effect] : []));
    assert.equal(told.length, begun.length);
    for (const [key, operation] of begun) {
      assert.ok(event.type === 'suspended' && operationKey(event.operation) === key);
      assert.deepEqual(operation.wait, event.wait);
      assert.ok(operation.direction === 'undo' || goesForward(after.state), 'nothing waits in a saga that has turned back');
      const lookAgain = event.wait.kind === 'signal' || event.wait.kind === 'saga';
      assert.deepEqual(told, [{ type: 'wait', operation: refOf(operation), endsInMs: event.timeoutMs, lookAgain }]);
    }
  }),

  everyStep('whatever waits when its saga turns back settles: unknown if somebody outside may have done it', ({ before, after, event }) => {
    if (before.state !== 'started' || (after.state !== 'compensating' && after.state !== 'failed')) return;
    for (const [key, was] of before.operations) {
      if (!isWaiting(was) || ('operation' in event && key === operationKey(event.operation))) continue;
      const now = after.operations.get(key);
      const isOutside = was.hadUnknown || was.wait?.kind === 'callback' || was.wait?.kind === 'saga';
      if (!isOutside) assert.equal(now?.state, 'skipped', key);
      else assert.ok(now?.state === 'unknown' || now?.verifying, key);
    }
  }),

  {
    name: 'of those who are waited for the first word counts: after it no other one changes anything',
    check: ({ paces, plan }) => {
      const first = new Map<OperationKey, string>();
      paces.forEach(({ event, decision, before, after }, place) => {
        // A person who asks for a given-up undo again asks for another answer as well.
        for (const [key, operation] of after.operations)
          if (operation.direction === 'undo' && isReady(operation) && isSettled(before.operations.get(key) ?? operation)) first.delete(key);
        // Whoever does not give up asks again with each attempt.
        if (event.type === 'claim' && decision.kind === 'moved') {
          const asked = before.operations.get(operationKey(event.operation));
          if (asked !== undefined && isTriedForEver(plan, asked)) first.delete(operationKey(event.operation));
        }
        if (event.type !== 'called-back' || decision.kind !== 'moved' || event.takes !== undefined) return;
        const key = operationKey(event.operation);
        assert.ok(!first.has(key), `event ${place}: ${event.result.kind} after ${first.get(key) ?? ''} of ${key}`);
        first.set(key, event.result.kind);
      });
    },
  },

  everyStep('a word from outside ends what nobody runs, as it says', ({ before, after, event }, _effects, { plan }) => {
    if (event.type !== 'called-back') return;
    const was = before.operations.get(operationKey(event.operation));
    const now = after.operations.get(operationKey(event.operation));
    if (was === undefined || now === undefined || isSettled(was) || isRunning(was)) return;
    if (event.result.kind === 'completed') assert.deepEqual([now.state, now.output], ['completed', event.result.output]);
    else if (isTriedForEver(plan, was) && goesForward(after.state)) assert.ok(isReady(now));
    else assert.ok(now.hadUnknown ? now.state === 'unknown' || now.verifying : now.state === 'failed');
  }),

  always('no two operations take the same signal', (saga) => {
    const taken = actions(saga).flatMap(({ wait }) => (wait?.kind === 'signal' && wait.taken !== undefined ? [wait.taken] : []));
    assert.equal(new Set(taken).size, taken.length);
  }),

  everyPace('a wait that is over waits on while the saga is paused', ({ before, event, decision }) => {
    if (event.type === 'wait-over' && before.paused) assert.equal(decision.kind, 'ignored');
  }),

  everyStep('pausing and resuming change nothing else', ({ before, after, event }) => {
    if (event.type !== 'pause' && event.type !== 'resume') return;
    assert.deepEqual({ ...after, rev: 0, paused: false }, { ...before, rev: 0, paused: false });
    assert.equal(after.paused, event.type === 'pause');
  }),

  everyPace('a deadline waits while the saga is paused', ({ before, event, decision }) => {
    if (event.type === 'deadline')
      assert.equal(decision.kind === 'moved', before.state === 'started' && !before.paused && before.turning === null);
  }),

  everyStep('a step is skipped only on the way forward, while nobody runs it', ({ before, after, event }) => {
    if (event.type !== 'skip-step') return;
    const was = before.operations.get(`action:${event.step}:1`);
    assert.ok(before.state === 'started' && was !== undefined && (was.state === 'pending' || isReady(was) || isWaiting(was)));
    assert.equal(after.operations.get(`action:${event.step}:1`)?.state, 'skipped');
  }),

  everyStep('once the pivot has completed a saga can only complete, unless a person ends it as it is', ({ before, after, event }) => {
    if (!before.pastPivot) return;
    assert.ok(after.pastPivot);
    assert.ok(['started', 'completed'].includes(after.state) || event.type === 'terminate' || isTerminated(after), after.state);
  }),

  always('nothing is undone after a pivot that has completed, but what came after the end', (saga, plan) => {
    if (pivotOf(plan, saga)?.state !== 'completed' || !saga.pastPivot) return;
    assert.deepEqual(firstRounds(saga), []);
  }),

  always('a saga is past its pivot exactly when that has had its turn and the saga goes forward', (saga, plan) => {
    const pivot = pivotOf(plan, saga);
    if (saga.pastPivot) assert.ok(pivot !== undefined && isPassed(plan, pivot));
    if (pivot?.state === 'completed' && goesForward(saga.state)) assert.ok(saga.pastPivot);
  }),

  everyStep(
    'a wish to turn back waits for the pivot as long as that may take effect, and for nothing else',
    ({ before, after, event }, _effects, { plan }) => {
      const isWish = event.type === 'deadline' || (['cancel', 'compensate'].includes(event.type) && before.state === 'started');
      if (isWish) {
        const pivot = pivotOf(plan, before);
        const isSaid = pivot?.heard?.kind === 'completed';
        const mayTakeEffect = pivot !== undefined && !isSettled(pivot) && (somebodyWillSay(pivot) || pivot.hadUnknown || isSaid);
        assert.equal(after.turning !== null, mayTakeEffect || before.pastPivot);
        if (!mayTakeEffect && !before.pastPivot) assert.ok(['compensating', 'failed'].includes(after.state));
      } else if (after.turning !== before.turning) assert.equal(after.turning, null, 'a wish comes from nowhere');
      if (before.turning !== null && after.turning === null) assert.deepEqual(after.cause, before.turning);
      if (after.turning !== null && after.state === 'started' && !after.pastPivot) {
        const pivot = pivotOf(plan, after);
        assert.ok(pivot !== undefined && somebodyWillSay(pivot), 'nobody will decide');
      }
    },
  ),

  everyStep('an optional step never turns a saga back', ({ before, after, event }, _effects, { plan }) => {
    if (!('operation' in event) || event.operation.direction !== 'action' || !goesForward(before.state)) return;
    if (plan.steps[event.operation.step]?.kind === 'optional') assert.ok(['started', 'completed', before.state].includes(after.state));
  }),

  everyStep(
    'a retriable step settles as nothing but completed or skipped while its saga goes forward',
    ({ before, after }, _effects, { plan }) => {
      const isOnItsWay = after.state === 'started' || after.state === 'completed' || isOpenPivot(plan, after);
      if (!goesForward(before.state) || !isOnItsWay) return;
      for (const action of actions(after))
        if (stepOf(plan, action) === 'retriable') assert.ok(!isGivenUp(action), `retriable ${action.step} is ${action.state}`);
    },
  ),

  everyStep('a step that finishes its saga skips what has not begun, and nothing begins after it', ({ before, after, event }) => {
    if (after.finishedBy === null) return;
    if (before.finishedBy === null) {
      assert.ok(event.type === 'completed' && event.finishes === true && event.operation.step === after.finishedBy);
      for (const action of actions(before)) {
        const isHarmless = isWaiting(action) && ['timer', 'signal'].includes(action.wait?.kind ?? '') && !action.hadUnknown;
        const looks = action.wait?.kind === 'saga';
        const isOnlyAsked = action.condition !== null && !isRunning(action); // whether it is to run, and no handler has
        const isUnderWay = isRunning(action) || action.claims > 0 || action.hadUnknown || action.verifying || looks;
        const hasBegun = !isHarmless && !isOnlyAsked && (isUnderWay || action.heard?.kind === 'completed');
        const now = after.operations.get(operationKey(action));
        if (action.step !== after.finishedBy && !isSettled(action)) assert.equal(now?.state === 'skipped', !hasBegun, operationKey(action));
      }
    } else assert.equal(after.finishedBy, before.finishedBy);
    const claimed = event.type === 'claim' ? before.operations.get(operationKey(event.operation)) : undefined;
    if (claimed?.direction === 'action') assert.ok(claimed.order > 0, 'a new start');
    if (event.type === 'admitted' && before.finishedBy !== null)
      assert.equal(after.operations.get(operationKey(event.operation))?.state, 'skipped', 'its condition has held too late');
    const open = actions(after).filter((action) => !isSettled(action));
    if (after.state === 'started') assert.ok(open.length > 0, 'nothing is left to wait for');
    if (after.state === 'completed') assert.equal(after.operations.get(`action:${after.finishedBy}:1`)?.state, 'completed');
  }),

  {
    name: 'an effect that was reported, however late, is undone after that by a saga that ends without it',
    check: ({ plan, paces, end }) => {
      if (!['compensated', 'failed'].includes(end.state) || end.attention || isTerminated(end)) return;
      paces.forEach((pace, place) => {
        const { event } = pace;
        const step = tookEffect(plan, pace);
        if (step === null || plan.steps[step]?.compensation === null || !('operation' in event)) return;
        const isUndone = paces.slice(place).some(({ event: later, decision, after }) => {
          if (decision.kind !== 'moved' || !('operation' in later)) return false;
          const { direction, step: of } = later.operation;
          if (direction !== 'undo' || of !== step) return false;
          // An undo that is told of a failure may leave out what only the effect makes necessary.
          return (
            later.type === 'reported' ||
            (later.type === 'claim' && after.operations.get(operationKey(later.operation))?.actionOutcome !== 'failed')
          );
        });
        inside(pace, place, () => assert.ok(isUndone, `the effect of step ${step} is left behind`));
      });
    },
  },
];

/** Laws that ask for many more decisions: they see a part of the schedules. */
export const costlyLaws: readonly Law[] = [
  {
    name: 'the report of a claim counts once, however late its copies come',
    check: ({ plan, paces, end }) => {
      paces.forEach((pace, place) => {
        const { event } = pace;
        if (!('fence' in event) || pace.decision.kind !== 'moved') return;
        inside(pace, place, () => {
          const later = [...paces.slice(place + 1).map(({ before }) => before), end];
          for (const saga of later) assert.equal(transition(plan, saga, event).kind, 'ignored', 'a late copy');
        });
      });
    },
  },

  everyPace('the same saga and event give the same decision', ({ before, event, decision }, { plan }) => {
    const again = transition(structuredClone(plan), structuredClone(before), structuredClone(event));
    assert.deepEqual(structuredClone(again), structuredClone(decision));
  }),

  everyPace('a part of the saga gives the same decision as the whole, or asks for the whole', (pace, { plan }) => {
    const { before, event, decision, after } = pace;
    const part = transition(plan, partialView(plan, before, event), event);
    if (part.kind === 'need') return assert.ok(mayNeedAll(pace, plan), 'asks for all operations although a part is enough');
    assert.equal(part.kind, decision.kind);
    if (part.kind === 'ignored') return assert.deepEqual(part, decision);
    if (decision.kind !== 'moved') return;
    assert.deepEqual(part.effects, decision.effects);
    const { operations, whole, ...counters } = part.saga;
    const { operations: all, whole: _whole, ...expected } = after;
    assert.equal(whole, false);
    assert.deepEqual(counters, expected);
    const changed = [...all].filter(([key, operation]) => operation !== before.operations.get(key));
    assert.deepEqual(new Map(changed), new Map([...operations].filter(([key, operation]) => operation !== before.operations.get(key))));
  }),

  {
    name: 'from wherever it is, a saga that is resumed and whose handlers all succeed comes to its end',
    check: ({ plan, start, paces }) => {
      [start.saga, ...paces.map(({ after }) => after)].forEach((saga, place) => {
        try {
          driven(plan, saga);
        } catch (error) {
          throw new Error(`after ${place} events: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
        }
      });
    },
  },
];

/** The word of somebody whose claim was over, or who was not waited for any more, about an effect, or a wish for one, that was not counted. */
function isLateEffect({ before, event }: Pace): boolean {
  if (event.type !== 'completed' && event.type !== 'called-back' && event.type !== 'suspended') return false;
  const action = before.operations.get(operationKey(event.operation));
  if (action === undefined || action.direction !== 'action') return false;
  if (event.type === 'suspended' && (event.wait.kind !== 'callback' || action.wait?.kind === 'callback')) return false;
  if (event.type !== 'called-back' ? event.fence >= action.fence : event.result.kind === 'failed' || action.heard !== null) return false;
  const isOpenQuestion = action.verifying && !isSettled(action);
  return isOpenQuestion || action.state === 'unknown' || (action.hadUnknown && (action.state === 'failed' || action.state === 'skipped'));
}

/** The step whose effect somebody who had claimed it, or had looked, reports; an effect that counts already is no news. */
function tookEffect(plan: Plan, { before, event, decision, isGenuine }: Pace): number | null {
  if (!('operation' in event) || event.operation.direction !== 'action') return null;
  const { step } = event.operation;
  if (event.type === 'verified') return decision.kind === 'moved' && event.found.kind === 'done' ? step : null;
  if (event.type === 'reported') return decision.kind === 'moved' && event.result.kind === 'completed' ? step : null;
  if (event.type === 'called-back') {
    if (event.result.kind === 'failed' || event.takes !== undefined) return null;
    const asked = before.operations.get(operationKey(event.operation));
    // It completes, or it is the first that anybody hears of what was given up.
    if (decision.kind === 'moved') return step;
    const isNews = asked !== undefined && asked.heard === null && asked.lateFence === 0 && isSettled(asked);
    return isNews && (asked.state === 'unknown' || (asked.hadUnknown && asked.state !== 'completed')) ? step : null;
  }
  // What was to commit together with its outcome did not.
  if (decision.kind !== 'moved' && plan.steps[step]?.actionPolicy.transactional === true) return null;
  const action = before.operations.get(operationKey(event.operation));
  // Whoever was asked may do it.
  if (event.type === 'suspended') return decision.kind === 'moved' && action !== undefined && isSettled(action) ? step : null;
  // While other attempts are still to come, their word is the later one.
  if (decision.kind !== 'moved' && (action === undefined || !(isSettled(action) || action.verifying))) return null;
  // All attempts of an action have one idempotency key: a second one that comes to its end finds the effect of the first.
  const counted = action?.state === 'completed' || (action?.lateFence ?? 0) > 0 || action?.heard?.kind === 'failed'; // two words: unknown
  return event.type === 'completed' && isGenuine && !counted ? step : null;
}

function takesAway({ before, after, event, decision }: Pace, plan: Plan, key: OperationKey, was: Operation | undefined): boolean {
  if (decision.kind !== 'moved' || was === undefined) return false;
  if (event.type === 'terminate') return isRunning(was) || isWaiting(was);
  if (event.type === 'skip-step' && key === `action:${event.step}:1`) return isWaiting(was);
  const isOwn = 'operation' in event && key === operationKey(event.operation);
  // Whoever is waited for when the saga turns back may only come late.
  if (!isOwn && event.type === 'completed' && event.finishes === true && after.finishedBy !== before.finishedBy && isWaiting(was))
    return after.operations.get(key)?.state === 'skipped';
  const mayGoForward = (saga: SagaValue): boolean => saga.state === 'started' || isOpenPivot(plan, saga);
  if (!isOwn && mayGoForward(before) && !mayGoForward(after) && after.state !== 'completed') return isWaiting(was);
  if (!('operation' in event)) return false;
  if (event.type === 'reported') return key === reportedKey(before, event.operation);
  if (key !== operationKey(event.operation)) return false;
  const isTransactional = policyFor(plan, was).transactional === true;
  if (event.type === 'suspended') {
    if (isSettled(was) || was.verifying) return isRunning(was); // it comes late: whoever is asked after it is asked anew
    const isDecided = before.turning !== null && stepOf(plan, was) === 'pivot' && ['timer', 'signal'].includes(event.wait.kind);
    return was.heard === null && was.direction === 'action' && (!goesForward(before.state) || isDecided);
  }
  if (event.type === 'called-back') return isRunning(was) && (event.result.kind === 'completed') !== isTransactional;
  if (event.type === 'wait-over') return was.wait?.kind === 'callback' || was.wait?.kind === 'saga';
  // A word about the action, from a claim before the one that asks how it ended.
  if (event.type === 'completed') return was.verifying && !isSettled(was) && event.fence < was.fence;
  return event.type === 'claim' || event.type === 'lease-expired';
}

/** Whoever reports an undo means the round that is tried or was given up, though a later one may wait behind it. */
function reportedKey(saga: SagaValue, ref: OperationRef): OperationKey {
  if (ref.direction === 'action') return operationKey(ref);
  const rounds = undos(saga).filter((undo) => undo.step === ref.step);
  const meant = rounds.find(({ state }) => !['pending', 'completed', 'skipped'].includes(state)) ?? rounds.at(-1);
  return operationKey({ ...ref, round: meant?.round ?? 1 });
}

/** How the pivot ends is known to a worker, to whoever answers a question, or to somebody outside. */
function somebodyWillSay(pivot: Operation): boolean {
  const isOutside = isWaiting(pivot) && (pivot.wait?.kind === 'callback' || pivot.wait?.kind === 'saga');
  const isAboutToLook = isReady(pivot) && pivot.wait?.kind === 'saga';
  return isRunning(pivot) || pivot.verifying || isOutside || isAboutToLook;
}

/** What waits for a stuck saga has no place when the others are to go on past one that is stuck. */
function isPassedBy(plan: Plan, undo: Operation | undefined): boolean {
  return plan.onStuck === 'continue' && undo?.direction === 'undo' && undo.wait?.kind === 'saga' && undo.wait.stuck === true;
}

function limitOf(plan: Plan): number {
  return plan.undosAtOnce ?? 10;
}

/** Undos that have not completed of steps that were built on this one's. */
function stillBuiltOn(plan: Plan, saga: SagaValue, { step }: Operation): readonly Operation[] {
  return firstRounds(saga).filter((other) => other.state !== 'completed' && ancestors(plan, other.step).has(step));
}

/** Something that was built on it, or an earlier round of its own, was given up. */
function isHeldBack(plan: Plan, saga: SagaValue, undo: Operation): boolean {
  return undos(saga).some((other) => isGivenUp(other) && (other.step === undo.step || ancestors(plan, other.step).has(undo.step)));
}

/** Only a change of direction, the end of settling, what people order, and what is not known in a part. */
function mayNeedAll({ before, after, decision, event }: Pace, plan: Plan): boolean {
  const turns =
    before.state !== after.state && after.state !== 'completed' && !('operation' in event && event.operation.direction === 'undo');
  const undoBegins = undos(before).length === 0 && undos(after).length > 0;
  const own = 'operation' in event ? before.operations.get(operationKey(event.operation)) : undefined;
  const isOfUndo = 'operation' in event && event.operation.direction === 'undo';
  const settlesUndo = isOfUndo && decision.kind === 'moved' && event.type !== 'claim' && !(event.type === 'released' && own?.heard == null);
  const isWord = event.type === 'completed' || event.type === 'called-back' || event.type === 'suspended';
  const mayBeLate = isWord && own !== undefined && own.hadUnknown && isSettled(own);
  const isSignal = event.type === 'called-back' && event.takes !== undefined;
  const isOrder = ['compensate', 'cancel', 'deadline', 'terminate', 'resume', 'skip-step', 'retry-step'].includes(event.type);
  // A step that was skipped before its turn lets others move up, and they are not at hand.
  const finishes = event.type === 'completed' && event.finishes === true;
  // What is over may not be all that a person should know of.
  const endsAttention = before.attention && own !== undefined && (isTriedForEver(plan, own) || own.round > 1);
  const answersPivot = own !== undefined && isOpenPivot(plan, before) && stepOf(plan, own) === 'pivot';
  const passesOver = actions(before).some((action) => action.state === 'skipped' && action.waits > 0);
  return (
    turns ||
    undoBegins ||
    (event.type === 'reported' && isOfUndo) ||
    (after.givenUp > 0 && settlesUndo) ||
    mayBeLate ||
    (own?.state === 'unknown' && isWord) ||
    isSignal ||
    isOrder ||
    passesOver ||
    finishes ||
    endsAttention ||
    answersPivot ||
    (decision.kind === 'ignored' && decision.reason === 'unknown-operation')
  );
}

const knownAncestors = new WeakMap<Plan, Map<number, ReadonlySet<number>>>();

function ancestors(plan: Plan, step: number): ReadonlySet<number> {
  const known = knownAncestors.get(plan) ?? new Map<number, ReadonlySet<number>>();
  knownAncestors.set(plan, known);
  const found = known.get(step) ?? new Set((plan.steps[step]?.dependsOn ?? []).flatMap((other) => [other, ...ancestors(plan, other)]));
  known.set(step, found);
  return found;
}

/** Resumes it, claims everything that can be claimed and completes it; what is stuck is asked to try again. */
function driven(plan: Plan, from: SagaValue): SagaValue {
  let saga = from;
  for (let left = 10 * (from.operations.size + 1); left > 0 && (!isTerminal(saga.state) || saga.attention); left--) {
    const event = nextGoodEvent(plan, saga);
    assert.ok(event, `nothing can happen any more in ${saga.state}`);
    const decision = transition(plan, saga, event);
    assert.equal(decision.kind, 'moved', event.type);
    saga = decision.saga;
  }
  assert.ok(isTerminal(saga.state) && !saga.attention, `it is still ${saga.state}`);
  return saga;
}

function nextGoodEvent(plan: Plan, saga: SagaValue): SagaEvent | undefined {
  if (saga.paused) return { type: 'resume', reason: null, actor: null };
  const operations = [...saga.operations.values()];
  const running = operations.find(isRunning);
  if (running !== undefined) {
    const of = { operation: refOf(running), fence: running.fence, claimId: running.claimId ?? '' };
    if (running.verifying) return { type: 'verified', ...of, found: { kind: 'done', output: null }, seed: 0 };
    return { type: 'completed', ...of, output: null };
  }
  const waiting = operations.find(isWaiting);
  if (waiting !== undefined) {
    const takes = waiting.wait?.kind === 'signal' ? { takes: { name: waiting.wait.name, signalId: `driven-${saga.rev}` } } : {};
    return { type: 'called-back', operation: refOf(waiting), result: { kind: 'completed', output: null }, ...takes };
  }
  const ready = operations.find((operation) => isWaitingForClaim(plan, saga, operation));
  if (ready !== undefined) return { type: 'claim', operation: refOf(ready), claimId: `driven-${saga.rev}`, due: true };
  const pivot = pivotOf(plan, saga);
  if (pivot !== undefined && isOpenPivot(plan, saga))
    return { type: 'reported', operation: refOf(pivot), result: { kind: 'completed', output: null }, actor: 'ann' };
  if (saga.attention && saga.openUndos === 0) return { type: 'acknowledge', reason: null, actor: null };
  return saga.state === 'stuck' || saga.attention ? { type: 'compensate', reason: null, actor: null } : undefined;
}
