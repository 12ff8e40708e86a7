import assert from 'node:assert/strict';
import type { SagaEffect } from '../../lib/core/effect';
import type { SagaEvent } from '../../lib/core/event';
import { attemptsOf, isSettled, operationKey, type Operation, type OperationKey, type OperationRef } from '../../lib/core/operation';
import type { Plan } from '../../lib/core/plan';
import { isTerminal, type SagaState, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';
import { isWaitingForClaim, mayBeClaimed, mostAttempts, policyFor } from './claim-oracle';
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
/** It has settled, and those that wait for it may start. A step that was skipped before its turn has its turn first. */
const isPassed = (action: Operation | undefined): boolean =>
  action?.state === 'completed' || (action?.state === 'skipped' && action.waits === 0);

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
  started: ['started', 'completed', 'compensating', 'failed'],
  compensating: ['compensating', 'compensated', 'failed', 'stuck'],
  // Compensated at once when a person says that the last undo is done.
  stuck: ['stuck', 'compensating', 'compensated'],
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
    name: 'attention is raised exactly while a late effect of an ended saga is not undone',
    check: ({ paces }) => {
      let left: ReadonlySet<OperationKey> = new Set();
      paces.forEach((pace, place) => {
        const { before, after } = pace;
        // What a person ended as it was stays as it was.
        if (isTerminated(after) && !isTerminal(before.state)) left = new Set(undos(after).map(operationKey));
        for (const key of isTerminal(before.state) ? left : []) {
          inside(pace, place, () => assert.equal(after.operations.get(key), before.operations.get(key), `${key} was left as it was`));
        }
        const open = undos(after).filter((undo) => undo.state !== 'completed' && !left.has(operationKey(undo)));
        inside(pace, place, () => {
          assert.equal(after.attention, isTerminal(after.state) && open.length > 0);
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
    const wasTried = previous === undefined || previous.claims > 0 || previous.state === 'completed';
    assert.ok(wasTried || previous.actionOutcome === 'failed', 'the round before was tried, or believed in a failure');
    assert.equal(newest?.round, (previous?.round ?? 1) + 1);
    assert.equal(newest.actionOutcome, 'completed');
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
    const waitsForTurn = (action: Operation): boolean => saga.state === 'started' && action.state === 'skipped' && action.waits > 0;
    const open = actions(saga).filter((action) => !isSettled(action) || waitsForTurn(action));
    assert.equal(saga.openActions, open.length, 'openActions');
    for (const action of open) {
      const others = plan.steps[action.step]?.dependsOn.filter((other) => !isPassed(saga.operations.get(`action:${other}:1`)));
      assert.equal(action.waits, others?.length, `waits of action ${action.step}`);
      if (action.state !== 'skipped') assert.equal(action.state === 'pending', action.waits > 0, `action ${action.step} waits`);
    }
    if (isTerminal(saga.state)) return; // rounds of an ended saga wait for nobody
    for (const undo of undos(saga)) {
      assert.equal(undo.state === 'pending', undo.waits > 0, `undo ${undo.step} waits exactly as long as its counter says`);
      if (plan.onStuck === 'continue') continue;
      const before = undos(saga).filter((other) => other.order === undo.order - 1 && other.state !== 'completed').length;
      assert.equal(undo.waits, before, `waits of undo ${undo.step}`);
    }
  }),

  always('an action starts only when everything it depends on has completed, or was skipped by a person', (saga, plan) => {
    for (const action of actions(saga)) {
      if (action.claims === 0 && !isActive(action)) continue;
      for (const other of plan.steps[action.step]?.dependsOn ?? [])
        assert.ok(isPassed(saga.operations.get(`action:${other}:1`)), `action ${action.step} waits for ${other}`);
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

  always('one undo at a time, each only after the one before it has completed, when a stuck one halts the others', (saga, plan) => {
    if (isTerminal(saga.state) || plan.onStuck === 'continue') return;
    assert.ok(undos(saga).filter(isActive).length <= 1);
    const begun = undos(saga).filter((undo) => undo.state !== 'pending');
    assert.deepEqual(undos(saga).slice(0, begun.length), begun);
    for (const undo of begun.slice(0, -1)) assert.equal(undo.state, 'completed');
  }),

  everyStep(
    'no undo begins before the undos of the steps that were built on its own have completed',
    ({ before, after }, _effects, { plan }) => {
      for (const [key, undo] of after.operations) {
        const begins =
          undo.direction === 'undo' && isActive(undo) && !isActive(before.operations.get(key) ?? { ...undo, state: 'pending' });
        if (!begins || isTerminal(after.state)) continue;
        for (const other of undos(after))
          if (other.order < undo.order && ancestors(plan, other.step).has(undo.step))
            assert.equal(other.state, 'completed', operationKey(other));
      }
    },
  ),

  everyStep('one undo at a time, the last one started first, also past a stuck one', ({ before, after, event }, _effects, { plan }) => {
    if (isTerminal(after.state) || event.type === 'compensate' || event.type === 'retry-step') return;
    const begun = undos(after).filter(
      (undo) => isActive(undo) && (before.operations.get(operationKey(undo))?.state ?? 'pending') === 'pending',
    );
    assert.ok(begun.length <= 1);
    const [only] = begun;
    if (only === undefined) return;
    assert.ok(
      undos(after).every((other) => other === only || !isActive(other)),
      'no other one is under way',
    );
    for (const other of undos(after)) {
      if (other.order < only.order && other.state === 'pending')
        assert.ok(isHeldBack(plan, after, other), `undo ${other.step} was passed over`);
    }
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
    const allPassed = actions(saga).every(isPassed);
    assert.equal(saga.state === 'completed', allPassed && saga.cause === null, 'completed means that every action completed');
    assert.equal(saga.cause === null, saga.state === 'started' || saga.state === 'completed', 'a saga that turned back says why');
    if (saga.state === 'stuck') assert.ok(givenUp.length > 0 && !undos(saga).some(isActive), 'stuck means that an undo was given up');
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
    const isDoubtful =
      event.type === 'lease-expired' ||
      (event.type === 'failed' && event.outcome === 'unknown') ||
      (event.type === 'released' && event.interrupted);
    if (isDoubtful) assert.ok(now.hadUnknown);
    if (isDoubtful && isSettled(now)) assert.equal(now.state, 'unknown');
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
      if (action.state === 'unknown' && was?.state !== 'unknown' && canBeAsked) assert.ok(action.verifying || event.type === 'terminate');
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
      const turned = before.state === 'started' && after.state === 'compensating';
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
      if (was.heard !== null && !was.verifying)
        return assert.ok(was.heard.kind === 'completed' || !isReady(now) || now.verifying, 'after a word from outside');
      const isOver = was.direction === 'action' && !was.verifying && before.state !== 'started';
      const wish = event.type === 'failed' ? event.retryable : undefined;
      const { retry } = policyFor(plan, was);
      const most = retry?.attempts ?? (wish === true ? 3 : 1);
      const isLate = (event.elapsedMs ?? 0) > (retry?.maxElapsedMs ?? Infinity);
      const again = was.verifying === now.verifying && isReady(now);
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
    if (isRunningClaim) assert.equal(decision.kind, 'moved');
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
      assert.ok(operation.direction === 'undo' || after.state === 'started', 'nothing waits in a saga that has turned back');
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
    check: ({ paces }) => {
      const first = new Map<OperationKey, string>();
      paces.forEach(({ event, decision, before, after }, place) => {
        // A person who asks for a given-up undo again asks for another answer as well.
        for (const [key, operation] of after.operations)
          if (operation.direction === 'undo' && isReady(operation) && isSettled(before.operations.get(key) ?? operation)) first.delete(key);
        if (event.type !== 'called-back' || decision.kind !== 'moved' || event.takes !== undefined) return;
        const key = operationKey(event.operation);
        assert.ok(!first.has(key), `event ${place}: ${event.result.kind} after ${first.get(key) ?? ''} of ${key}`);
        first.set(key, event.result.kind);
      });
    },
  },

  everyStep('a word from outside ends what nobody runs, as it says', ({ before, after, event }) => {
    if (event.type !== 'called-back') return;
    const was = before.operations.get(operationKey(event.operation));
    const now = after.operations.get(operationKey(event.operation));
    if (was === undefined || now === undefined || isSettled(was) || isRunning(was)) return;
    if (event.result.kind === 'completed') assert.deepEqual([now.state, now.output], ['completed', event.result.output]);
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
    if (event.type === 'deadline') assert.equal(decision.kind === 'moved', before.state === 'started' && !before.paused);
  }),

  everyStep('a step is skipped only on the way forward, while nobody runs it', ({ before, after, event }) => {
    if (event.type !== 'skip-step') return;
    const was = before.operations.get(`action:${event.step}:1`);
    assert.ok(before.state === 'started' && was !== undefined && (was.state === 'pending' || isReady(was) || isWaiting(was)));
    assert.equal(after.operations.get(`action:${event.step}:1`)?.state, 'skipped');
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

/** The word of somebody whose claim was over, or who was not waited for any more, about an effect that was not counted. */
function isLateEffect({ before, event }: Pace): boolean {
  if ((event.type !== 'completed' && event.type !== 'called-back') || event.operation.direction !== 'action') return false;
  const action = before.operations.get(operationKey(event.operation));
  if (action === undefined) return false;
  if (event.type === 'completed' ? event.fence >= action.fence : event.result.kind === 'failed' || action.heard !== null) return false;
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
  if (!isOwn && before.state === 'started' && after.state !== 'started' && after.state !== 'completed') return isWaiting(was);
  if (!('operation' in event)) return false;
  if (event.type === 'reported') return key === reportedKey(before, event.operation);
  if (key !== operationKey(event.operation)) return false;
  const isTransactional = policyFor(plan, was).transactional === true;
  if (event.type === 'suspended') return was.heard === null && was.direction === 'action' && before.state !== 'started';
  if (event.type === 'called-back') return isRunning(was) && (event.result.kind === 'completed') !== isTransactional;
  if (event.type === 'wait-over') return was.wait?.kind === 'callback' || was.wait?.kind === 'saga';
  return event.type === 'claim' || event.type === 'lease-expired' || (event.type === 'completed' && was.verifying && !isSettled(was));
}

/** Whoever reports an undo means the round that is tried or was given up, though a later one may wait behind it. */
function reportedKey(saga: SagaValue, ref: OperationRef): OperationKey {
  if (ref.direction === 'action') return operationKey(ref);
  const rounds = undos(saga).filter((undo) => undo.step === ref.step);
  const meant = rounds.find(({ state }) => !['pending', 'completed', 'skipped'].includes(state)) ?? rounds.at(-1);
  return operationKey({ ...ref, round: meant?.round ?? 1 });
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
  const isWord = event.type === 'completed' || event.type === 'called-back';
  const mayBeLate = isWord && own !== undefined && own.hadUnknown && isSettled(own);
  const isSignal = event.type === 'called-back' && event.takes !== undefined;
  const isOrder = ['compensate', 'terminate', 'resume', 'skip-step', 'retry-step'].includes(event.type);
  // A step that was skipped before its turn lets others move up, and they are not at hand.
  const passesOver = actions(before).some((action) => action.state === 'skipped' && action.waits > 0);
  return (
    turns ||
    undoBegins ||
    (event.type === 'reported' && isOfUndo) ||
    (plan.onStuck === 'continue' && settlesUndo) ||
    mayBeLate ||
    (own?.state === 'unknown' && isWord) ||
    isSignal ||
    isOrder ||
    passesOver ||
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
  return saga.state === 'stuck' || saga.attention ? { type: 'compensate', reason: null, actor: null } : undefined;
}
