import { mayComeToItsEffect, settledBetweenAttempts } from './backward';
import { goesTheWayOf } from './claim';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, ended, finish, mayTakeEffect, type Draft } from './draft';
import type { SagaEffect } from './effect';
import type { SagaOrder, StepOrder } from './event';
import { settleAction } from './forward';
import { isOpenPivot, pivotOf } from './kinds';
import { isSettled, type Operation } from './operation';
import type { Plan } from './plan';
import { isTerminal, operationOf, withOperations, type SagaValue } from './saga-value';
import { withoutStuckChild } from './stuck-child';
import { turn } from './turn';
import { givenUpUndos, isGivenUp, isStillWanted, undoInQuestion } from './undo-order';
import { tryAgain } from './undoing';

/** What a person may ask of a whole saga. */
export function sagaOrdered(plan: Plan, saga: SagaValue, order: SagaOrder): Decision {
  switch (order.type) {
    case 'cancel':
    case 'compensate':
      return undoOrdered(plan, saga, order);
    case 'terminate':
      return isTerminal(saga.state) ? ignored('terminal') : finish(order, terminated(plan, saga, order));
    case 'pause':
      if (isTerminal(saga.state)) return ignored('terminal');
      return saga.paused ? ignored('already-paused') : finish(order, draft({ ...saga, paused: true }, null));
    case 'resume':
      if (isTerminal(saga.state)) return ignored('terminal');
      return saga.paused ? finish(order, resumed(plan, saga)) : ignored('not-paused');
    case 'acknowledge':
      return acknowledged(saga, order);
  }
}

/** What a late effect asks for is not over because somebody has seen it. */
function acknowledged(saga: SagaValue, order: SagaOrder): Decision {
  if (!saga.attention) return ignored(isTerminal(saga.state) ? 'terminal' : 'not-claimable');
  if (isTerminal(saga.state) && saga.openUndos > 0) return ignored('not-undone');
  return finish(order, draft({ ...saga, attention: false }, null, [{ type: 'attention', raised: false }]));
}

function undoOrdered(plan: Plan, saga: SagaValue, { type, reason, actor }: SagaOrder): Decision {
  const order = { type, reason, actor };
  if (saga.state === 'started') {
    if (saga.pastPivot) return ignored('past-pivot');
    if (saga.turning !== null) return ignored('already-compensating');
    return finish(order, turn(plan, saga, { kind: 'asked', reason, actor }));
  }
  if ((type === 'cancel' && saga.state !== 'stuck') || saga.state === 'compensating')
    return ignored(isTerminal(saga.state) ? 'terminal' : 'already-compensating');
  if (!saga.whole) return NEED_ALL;
  const pivot = pivotOf(plan, saga);
  if (pivot !== undefined && isOpenPivot(plan, saga, pivot)) return ignored('open-pivot');
  const undos = type === 'cancel' ? [] : givenUpUndos(saga);
  return undos.length === 0 ? ignored('already-compensating') : finish(order, tryAgain(plan, saga, undos));
}

/** Ends as it is. Whoever still runs a part of it is told, and is not heard any more. */
function terminated(plan: Plan, saga: SagaValue, { reason, actor }: SagaOrder): Draft {
  if (!saga.whole) return NEED_ALL;
  const open = [...saga.operations.values()].filter((operation) => !isSettled(operation));
  const settled = open.map((operation): Operation => {
    if (operation.state === 'waiting') return { ...operation, fence: operation.fence + 1, state: settledBetweenAttempts(operation) };
    if (operation.state !== 'running') return { ...operation, state: settledBetweenAttempts(operation) };
    const isUnknown = operation.hadUnknown || mayTakeEffect(plan, operation);
    return { ...operation, fence: operation.fence + 1, state: isUnknown ? 'unknown' : 'failed' };
  });
  const told = open.filter(({ state }) => state === 'running');
  const aborts = told.map(({ step, direction, round }): SagaEffect => ({ type: 'abort', operation: { step, direction, round } }));
  const cause = { kind: 'terminated', reason, actor } as const;
  const end = ended({ ...withOperations(saga, settled), state: 'failed', cause, finishedBy: null, openActions: 0, openUndos: 0 });
  return end.kind === 'need' ? end : { ...end, effects: [...aborts, ...end.effects] };
}

/** What is due is sent at once; whatever waits for its time is found by a sweep, which a resumed saga gets at once too. */
function resumed(plan: Plan, saga: SagaValue): Draft {
  if (!saga.whole) return NEED_ALL;
  const due = [...saga.operations.values()].filter((operation) => operation.state === 'started' && goesTheWayOf(operation, saga));
  return draft(
    { ...saga, paused: false },
    null,
    due.map((operation) => dispatch(plan, operation)),
  );
}

/** What a person may ask of one step. */
export function stepOrdered(plan: Plan, saga: SagaValue, order: StepOrder): Decision {
  if (!saga.whole) return NEED_ALL;
  const action = operationOf(saga, { step: order.step, direction: 'action', round: 1 });
  if (action === undefined) return ignored('unknown-operation');
  return order.type === 'skip-step' ? skipped(plan, saga, action, order) : retried(plan, saga, action, order);
}

/** Going on without a step: not while somebody runs it, and only on the way forward. */
function skipped(plan: Plan, saga: SagaValue, action: Operation, order: StepOrder): Decision {
  if (saga.state !== 'started') return ignored('wrong-direction');
  if (isSettled(action) || action.state === 'running') return ignored('not-claimable');
  const hadUnknown = action.hadUnknown || action.heard?.kind === 'completed' || mayComeToItsEffect(action);
  const fence = action.fence + (action.state === 'waiting' ? 1 : 0);
  const place = action.order === 0 ? saga.rev + 1 : action.order;
  const given: Operation = { ...withoutStuckChild(action), state: 'skipped', order: place, fence, hadUnknown };
  const isItsTurn = action.waits === 0;
  return finish(order, isItsTurn ? settleAction(plan, saga, given) : draft(withOperations(saga, [given]), given));
}

function retried(plan: Plan, saga: SagaValue, action: Operation, order: StepOrder): Decision {
  const undo = undoInQuestion(saga, action.step);
  const waiting = [undo, action].find((operation) => isDueLater(operation, saga) || isAskedAgain(operation, saga));
  if (waiting !== undefined) {
    const now = waiting.state === 'waiting' ? askedAgain(waiting) : { ...waiting, state: 'started' as const };
    return finish(order, draft(withOperations(saga, [now]), now, [dispatch(plan, now)]));
  }
  const waitsForSomebody = saga.state === 'stuck' || saga.state === 'compensating' || saga.attention;
  if (undo === undefined || !isGivenUp(undo) || !isStillWanted(saga, undo) || !waitsForSomebody) return ignored('not-claimable');
  return finish(order, tryAgain(plan, saga, [undo]));
}

function isDueLater(operation: Operation | undefined, saga: SagaValue): boolean {
  return operation?.state === 'retrying' && goesTheWayOf(operation, saga);
}

/** Whoever was to say how it ended may never have been asked. A pause asks nobody: it can be skipped. */
function isAskedAgain(operation: Operation | undefined, saga: SagaValue): boolean {
  return operation?.state === 'waiting' && operation.wait?.kind !== 'timer' && saga.turning === null && goesTheWayOf(operation, saga);
}

/** The attempt that has waited does not count, or there would be none left to ask again with. Both may be answered. */
function askedAgain(waiting: Operation): Operation {
  const hadUnknown = waiting.hadUnknown || waiting.wait?.kind === 'callback';
  return { ...waiting, state: 'started', claims: waiting.claims - 1, hadUnknown };
}
