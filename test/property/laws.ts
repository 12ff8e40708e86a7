import assert from 'node:assert/strict';
import type { SagaEffect } from '../../lib/core/effect';
import type { SagaEvent } from '../../lib/core/event';
import { attemptsOf, isSettled, operationKey, type Operation, type OperationKey, type OperationRef } from '../../lib/core/operation';
import type { Plan } from '../../lib/core/plan';
import { isTerminal, type SagaState, type SagaValue } from '../../lib/core/saga-value';
import { transition } from '../../lib/core/transition';
import { partialView } from './partial-view';
import { isReady, isRunning, refOf, type Pace, type Walk } from './random-walk';

/** Something that holds for every walk. The name is the promise; `check` throws when it is broken. */
export interface Law {
  readonly name: string;
  check(walk: Walk): void;
}

const actions = (saga: SagaValue): readonly Operation[] => [...saga.operations.values()].filter((o) => o.direction === 'action');
const undos = (saga: SagaValue): readonly Operation[] =>
  [...saga.operations.values()].filter((o) => o.direction === 'undo').sort((a, b) => a.order - b.order);
const firstRounds = (saga: SagaValue): readonly Operation[] => undos(saga).filter((undo) => undo.round === 1);
const mayHaveHappened = (action: Operation): boolean => action.state === 'completed' || action.state === 'unknown';
const needsUndo = (plan: Plan, action: Operation): boolean => mayHaveHappened(action) && plan.steps[action.step]?.compensation !== null;

/** Holds after every event, the start included. */
function always(name: string, check: (saga: SagaValue, plan: Plan) => void): Law {
  return {
    name,
    check: ({ plan, start, paces }) => {
      check(start.saga, plan);
      paces.forEach((pace, place) => inside(pace, place, () => check(pace.after, plan)));
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

/** Claimable at some time without anything else happening first. */
function claimable(plan: Plan, saga: SagaValue, operation: Operation): boolean {
  return transition(plan, saga, { type: 'claim', operation: refOf(operation), claimId: 'probe', due: true }).kind === 'moved';
}

export const laws: readonly Law[] = [
  everyPace('an ended saga keeps its state, and hears of nothing but late effects and their undo', ({ before, after, event, decision }) => {
    if (!isTerminal(before.state)) return;
    assert.equal(after.state, before.state);
    if (decision.kind === 'moved' && !before.attention) assert.ok(event.type === 'completed' && event.operation.direction === 'action');
  }),

  always('attention is raised exactly while an ended saga has an undo that has not completed', (saga) => {
    const open = undos(saga).some((undo) => undo.state !== 'completed');
    assert.equal(saga.attention, isTerminal(saga.state) && open);
  }),

  everyStep('a late effect asks for another round of an undo that was tried, and for nothing else', ({ before, after, event }) => {
    const rounds = undos(after).length - undos(before).length;
    if (undos(before).length === 0) return;
    const isLate = event.type === 'completed' && event.operation.direction === 'action';
    assert.equal(rounds, isLate ? 1 : 0);
    if (!isLate) return;
    const [newest, previous] = undos(after)
      .filter((undo) => undo.step === event.operation.step)
      .reverse();
    assert.ok(previous !== undefined && (previous.claims > 0 || previous.state === 'completed'), 'the round before was tried');
    assert.equal(newest?.round, previous.round + 1);
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

  everyStep('a saga changes its state only along the edges of the diagram', ({ before, after }) => {
    if (isTerminal(before.state)) assert.equal(after.state, before.state);
    else assert.ok(EDGES[before.state].includes(after.state), `${before.state} → ${after.state}`);
  }),

  everyStep('waiters are told exactly when the saga ends or gets stuck', ({ before, after }, effects) => {
    const ended = effects.flatMap((effect) => (effect.type === 'ended' ? [effect.state] : []));
    const arrived = before.state !== after.state && (isTerminal(after.state) || after.state === 'stuck');
    assert.deepEqual(ended, arrived ? [after.state] : []);
  }),

  always('the join counters are what a recount gives', (saga, plan) => {
    assert.equal(saga.openActions, actions(saga).filter((action) => !isSettled(action)).length, 'openActions');
    assert.equal(saga.openUndos, undos(saga).filter((undo) => undo.state !== 'completed').length, 'openUndos');
    for (const action of actions(saga).filter((candidate) => !isSettled(candidate))) {
      const open = plan.steps[action.step]?.dependsOn.filter((other) => saga.operations.get(`action:${other}:1`)?.state !== 'completed');
      assert.equal(action.waits, open?.length, `waits of action ${action.step}`);
      assert.equal(action.state === 'pending', action.waits > 0, `action ${action.step} waits exactly as long as its counter says`);
    }
    for (const undo of undos(saga)) {
      if (isTerminal(saga.state)) continue; // rounds of an ended saga wait for nobody
      const before = undos(saga).filter((other) => other.order === undo.order - 1 && other.state !== 'completed').length;
      assert.equal(undo.waits, before, `waits of undo ${undo.step}`);
      assert.equal(undo.state === 'pending', undo.waits > 0, `undo ${undo.step} waits exactly as long as its counter says`);
    }
  }),

  always('an action starts only when everything it depends on has completed', (saga, plan) => {
    for (const action of actions(saga)) {
      if (action.claims === 0 && !isReady(action) && !isRunning(action)) continue;
      for (const other of plan.steps[action.step]?.dependsOn ?? [])
        assert.equal(saga.operations.get(`action:${other}:1`)?.state, 'completed', `action ${action.step} waits for ${other}`);
    }
  }),

  everyStep('a saga that has turned back claims no action, and one that goes forward claims no undo', ({ before, event }) => {
    if (event.type !== 'claim') return;
    if (isTerminal(before.state)) assert.ok(event.operation.direction === 'undo' && event.operation.round > 1);
    else assert.equal(before.state, event.operation.direction === 'action' ? 'started' : 'compensating');
  }),

  always('an undo is asked for only after every action has settled', (saga) => {
    if (undos(saga).length > 0)
      assert.deepEqual(
        actions(saga).filter((action) => !isSettled(action)),
        [],
      );
  }),

  always('one undo at a time until the end, and each only after the one before it has completed', (saga) => {
    if (isTerminal(saga.state)) return;
    assert.ok(undos(saga).filter((undo) => isReady(undo) || isRunning(undo)).length <= 1);
    const begun = undos(saga).filter((undo) => undo.state !== 'pending');
    assert.deepEqual(undos(saga).slice(0, begun.length), begun);
    for (const undo of begun.slice(0, -1)) assert.equal(undo.state, 'completed');
  }),

  everyStep('undos come in strictly reverse order of the first claims', ({ after }, _effects, { paces }, place) => {
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

  always('exactly the actions that may have happened are undone, with what is known of their outcome', (saga, plan) => {
    if (undos(saga).length === 0) return;
    const expected = actions(saga).filter((action) => needsUndo(plan, action));
    assert.deepEqual(
      new Map(firstRounds(saga).map((undo) => [undo.step, undo.actionOutcome])),
      new Map(expected.map((a) => [a.step, a.state])),
    );
  }),

  always('a saga is where its operations say', (saga, plan) => {
    const owed = actions(saga).filter((action) => needsUndo(plan, action));
    const undone = owed.filter((action) => saga.operations.get(`undo:${action.step}:1`)?.state === 'completed');
    const givenUp = undos(saga).filter((undo) => undo.state === 'failed' || undo.state === 'unknown');
    const everyActionCompleted = actions(saga).every((action) => action.state === 'completed');
    assert.equal(saga.state === 'completed', everyActionCompleted && saga.cause === null, 'completed means that every action completed');
    if (!isTerminal(saga.state)) assert.equal(saga.state === 'stuck', givenUp.length > 0, 'stuck means that an undo was given up');
    if (saga.state === 'compensated') assert.ok(owed.length > 0 && undone.length === owed.length, 'compensated means that all is undone');
    if (saga.state === 'failed') assert.deepEqual(owed, [], 'failed means that nothing needed an undo');
    if (isTerminal(saga.state) && !saga.attention)
      assert.ok([...saga.operations.values()].every(isSettled), 'an ended saga has nothing open');
    assert.equal(saga.cause === null, saga.state === 'started' || saga.state === 'completed', 'a saga that turned back says why');
  }),

  everyStep('a failed attempt never hides one whose outcome is unknown', ({ before, after, event }) => {
    for (const [key, operation] of after.operations) {
      const hadUnknown = before.operations.get(key)?.hadUnknown === true;
      if (hadUnknown) assert.ok(operation.hadUnknown);
      if (operation.hadUnknown && event.type !== 'reported' && before.operations.get(key)?.state !== 'failed')
        assert.notEqual(operation.state, 'failed');
    }
  }),

  everyPace('a wake-up is asked for exactly when an operation becomes claimable', ({ before, after, decision }, { plan }) => {
    const sent = decision.kind === 'moved' ? dispatched(decision.effects) : [];
    const became = [...after.operations.values()].filter((operation) => {
      const previous = before.operations.get(operationKey(operation));
      return claimable(plan, after, operation) && !(previous && claimable(plan, before, previous));
    });
    assert.deepEqual(sent.map(({ key }) => key).sort(), became.map(operationKey).sort());
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

  everyStep('whoever runs an action when the saga turns back is told, and nobody else', ({ before, after }, effects) => {
    const told = effects.flatMap((effect) => (effect.type === 'abort' ? [operationKey(effect.operation)] : []));
    const turned = before.state === 'started' && after.state === 'compensating';
    const running = actions(after).filter(isRunning).map(operationKey);
    assert.deepEqual(told.sort(), turned ? running.sort() : []);
  }),

  everyStep('a fence rises at each claim and when the operation is taken away, and at nothing else', ({ before, after, event }) => {
    for (const [key, operation] of after.operations) {
      const takes = event.type === 'claim' || event.type === 'lease-expired' || event.type === 'reported';
      const rises = takes && key === (event.type === 'reported' ? lastRoundOf(before, event.operation) : operationKey(event.operation));
      assert.equal(operation.fence, (before.operations.get(key)?.fence ?? 0) + (rises ? 1 : 0), `fence of ${key}`);
    }
  }),

  always('nothing is claimed more often than its policy allows', (saga, plan) => {
    for (const operation of saga.operations.values()) {
      const step = plan.steps[operation.step];
      const policy = operation.direction === 'action' ? step?.actionPolicy : step?.undoPolicy;
      const attempts = policy?.retry === null ? 3 : (policy?.retry?.attempts ?? 0);
      assert.ok(attemptsOf(operation) >= 0 && attemptsOf(operation) <= attempts, `attempts of ${operationKey(operation)}`);
      assert.ok(operation.blamed <= (policy?.losses ?? 0), `losses of ${operationKey(operation)}`);
    }
  }),

  everyPace('the same word twice in a row changes nothing the second time', ({ after, event }, { plan }) => {
    assert.equal(transition(plan, after, event).kind, 'ignored');
  }),

  {
    name: 'the report of a claim counts once, however late its copies come',
    check: ({ plan, paces, end }) => {
      paces.forEach((pace, place) => {
        const { event } = pace;
        if (!isReport(event) || pace.decision.kind !== 'moved') return;
        inside(pace, place, () => {
          const later = [...paces.slice(place + 1).map(({ before }) => before), end];
          for (const saga of later) assert.equal(transition(plan, saga, event).kind, 'ignored', 'a late copy');
        });
      });
    },
  },

  everyPace(
    'only the claim that is running is heard, and one that was given up and took effect after all',
    ({ before, event, decision }) => {
      if (!isReport(event)) return;
      const operation = before.operations.get(operationKey(event.operation));
      const isRunningClaim = operation?.state === 'running' && operation.fence === event.fence && operation.claimId === event.claimId;
      const isLate =
        event.type === 'completed' && operation?.direction === 'action' && operation.state === 'unknown' && event.fence < operation.fence;
      if (!isLate) assert.equal(decision.kind === 'moved', isRunningClaim);
    },
  ),

  everyPace('the same saga and event give the same decision', ({ before, event, decision }, { plan }) => {
    const again = transition(structuredClone(plan), structuredClone(before), structuredClone(event));
    assert.deepEqual(structuredClone(again), structuredClone(decision));
  }),

  everyPace('a part of the saga gives the same decision as the whole, or asks for the whole', (pace, { plan }) => {
    const { before, event, decision, after } = pace;
    const part = transition(plan, partialView(plan, before, event), event);
    if (part.kind === 'need') return assert.ok(mayNeedAll(pace), 'asks for all operations although a part is enough');
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
    name: 'from wherever it is, a saga whose handlers all succeed comes to its end',
    check: ({ plan, start, paces }) => {
      for (const { after } of [{ after: start.saga }, ...paces])
        assert.ok(isTerminal(driven(plan, after).state) && !driven(plan, after).attention);
    },
  },
];

/** Whoever reports an undo means its last round. */
function lastRoundOf(saga: SagaValue, ref: OperationRef): OperationKey {
  const rounds = undos(saga).filter((undo) => undo.step === ref.step);
  return ref.direction === 'action' ? operationKey(ref) : operationKey({ ...ref, round: Math.max(1, ...rounds.map((undo) => undo.round)) });
}

function isReport(event: SagaEvent): event is Extract<SagaEvent, { readonly fence: number }> {
  return 'fence' in event;
}

/** Only a change of direction, the end of settling, and what is not known in a part. */
function mayNeedAll({ before, after, decision, event }: Pace): boolean {
  const turns =
    before.state !== after.state && after.state !== 'completed' && !('operation' in event && event.operation.direction === 'undo');
  const undoBegins = undos(before).length === 0 && undos(after).length > 0;
  const isOfUndoByHand = event.type === 'reported' && event.operation.direction === 'undo';
  const mayBeLate = event.type === 'completed' && before.operations.get(operationKey(event.operation))?.state === 'unknown';
  const ofRounds = event.type === 'compensate' && before.attention;
  return (
    turns ||
    undoBegins ||
    isOfUndoByHand ||
    mayBeLate ||
    ofRounds ||
    (decision.kind === 'ignored' && decision.reason === 'unknown-operation')
  );
}

function dispatched(effects: readonly SagaEffect[]): readonly { readonly key: OperationKey; readonly inMs: number }[] {
  return effects.flatMap((effect) => (effect.type === 'dispatch' ? [{ key: operationKey(effect.operation), inMs: effect.inMs }] : []));
}

function ancestors(plan: Plan, step: number): ReadonlySet<number> {
  const found = new Set<number>();
  const visit = (place: number): void => {
    for (const other of plan.steps[place]?.dependsOn ?? []) {
      if (!found.has(other)) visit(other);
      found.add(other);
    }
  };
  visit(step);
  return found;
}

/** Claims everything that can be claimed and completes it; a stuck saga is asked to try again. */
function driven(plan: Plan, from: SagaValue): SagaValue {
  let saga = from;
  for (let left = 10 * (plan.steps.length + 1); left > 0 && (!isTerminal(saga.state) || saga.attention); left--) {
    const event = nextGoodEvent(plan, saga);
    assert.ok(event, `nothing can happen any more in ${saga.state}`);
    const decision = transition(plan, saga, event);
    assert.equal(decision.kind, 'moved', event.type);
    saga = decision.saga;
  }
  return saga;
}

function nextGoodEvent(plan: Plan, saga: SagaValue): SagaEvent | undefined {
  const operations = [...saga.operations.values()];
  const running = operations.find(isRunning);
  if (running !== undefined)
    return { type: 'completed', operation: refOf(running), fence: running.fence, claimId: running.claimId ?? '', output: null };
  const ready = operations.find((operation) => claimable(plan, saga, operation));
  if (ready !== undefined) return { type: 'claim', operation: refOf(ready), claimId: `driven-${saga.rev}`, due: true };
  return saga.state === 'stuck' || saga.attention ? { type: 'compensate', reason: null, actor: null } : undefined;
}
