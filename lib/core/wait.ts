import { asHeard, isWaitedFor, retryOrSettle } from './attempt-budget';
import { mayComeToItsEffect, mayStillRun } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, policyOf, type Draft } from './draft';
import type { SagaEffect } from './effect';
import type { CalledBackEvent, SuspendedEvent, TakenSignal, WaitOverEvent, WokenEvent } from './event';
import type { Json } from './json';
import { isPersistent } from './kinds';
import { lateWord } from './late-kinds';
import { isSettled, type Operation } from './operation';
import type { Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { settle, settleBetweenAttempts } from './settle';
import { stuckChildOf } from './stuck-child';
import { isGivenUp, isStillWanted } from './undo-order';
import { undoWaits } from './undoing';

/** The handler has returned and its worker is free; the operation waits, under no lease, for somebody else. */
export function suspended(plan: Plan, saga: SagaValue, operation: Operation, { wait, timeoutMs }: SuspendedEvent): Draft {
  const waiting: Operation = { ...operation, state: 'waiting', wait, error: stuckChildOf(wait) };
  if (operation.heard !== null) return asHeard(plan, saga, waiting, operation.heard);
  // A wish to turn back is decided by the pivot's effect, and nobody will have one who waits for a time or a signal.
  const isDecided = isWaitedFor(plan, saga, operation) && !mayComeToItsEffect(waiting);
  // Its saga turned back. Whoever has its token may still do what it was asked for, and is then heard as somebody who comes late.
  if (isDecided || !mayStillRun(operation, saga)) return settleBetweenAttempts(plan, saga, { ...waiting, fence: operation.fence + 1 });
  const { step, direction, round } = operation;
  const lookAgain = wait.kind === 'signal' || wait.kind === 'saga';
  const made = direction === 'undo' ? undoWaits(plan, saga, operation, waiting) : draft(withOperations(saga, [waiting]), waiting);
  return withEffect(made, { type: 'wait', operation: { step, direction, round }, endsInMs: timeoutMs, lookAgain });
}

function withEffect(made: Draft, effect: SagaEffect): Draft {
  return made.kind === 'need' ? made : { ...made, effects: [...made.effects, effect] };
}

/** The word of whoever is waited for. It ends the operation wherever it stands, once. */
export function calledBack(plan: Plan, saga: SagaValue, event: CalledBackEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  if (event.takes !== undefined) return signalled(plan, saga, operation, event, event.takes);
  // Nobody has its token before its handler has run; a second word is one too many.
  if (operation.fence === 0 || operation.condition !== null || operation.heard !== null) return ignored('not-waiting');
  if (operation.direction === 'undo' && !isStillWanted(saga, operation)) return ignored('wrong-direction');
  const { result } = event;
  if (isSettled(operation))
    return result.kind === 'failed' ? ignored('not-waiting') : comesLate(plan, saga, operation, event, result.output);
  if (operation.verifying && result.kind === 'failed') return ignored('not-waiting');
  return finish(event, told(plan, saga, operation, result));
}

function told(plan: Plan, saga: SagaValue, operation: Operation, result: CalledBackEvent['result']): Draft {
  const isRunning = operation.state === 'running';
  const isTransactional = isRunning && policyOf(plan, operation).transactional === true;
  const over: Operation = { ...operation, fence: operation.fence + (isRunning ? 1 : 0) }; // its worker has nothing more to say
  if (result.kind === 'failed') {
    const heard = { kind: 'failed', error: result.error } as const;
    // It is tried again in any case, and that is planned already.
    if (isAboutToTryAgain(plan, saga, operation)) return remembered(saga, { ...operation, heard, error: heard.error });
    // Its handler may still have an effect of its own, unless that would have to be committed.
    return isRunning && !isTransactional ? remembered(saga, { ...operation, heard }) : asHeard(plan, saga, over, heard);
  }
  const { output } = result;
  // What it writes must not be rolled back because somebody was faster than its commit.
  if (isTransactional) return remembered(saga, { ...operation, output, heard: { kind: 'completed' } });
  return settle(plan, saga, { ...over, state: 'completed', output, error: null });
}

function isAboutToTryAgain(plan: Plan, saga: SagaValue, operation: Operation): boolean {
  const isReady = operation.state === 'started' || operation.state === 'retrying';
  return isReady && isPersistent(plan, operation) && mayStillRun(operation, saga);
}

function remembered(saga: SagaValue, operation: Operation): Draft {
  return draft(withOperations(saga, [operation]), operation);
}

function comesLate(plan: Plan, saga: SagaValue, operation: Operation, event: CalledBackEvent, output: Json): Decision {
  const { fence, direction } = operation;
  if (direction === 'action') return lateWord(plan, saga, operation, { event, fence, outcome: 'completed', output });
  // An undo that nobody could vouch for any more is done after all.
  return isGivenUp(operation)
    ? finish(event, settle(plan, saga, { ...operation, state: 'completed', error: null }))
    : ignored('not-waiting');
}

/** A signal has come, and goes to whoever waits for one of its name. */
function signalled(plan: Plan, saga: SagaValue, operation: Operation, event: CalledBackEvent, takes: TakenSignal): Decision {
  const { state, wait } = operation;
  const isWaited = state === 'waiting' && wait?.kind === 'signal' && wait.name === takes.name;
  if (!isWaited || event.result.kind === 'failed') return ignored('not-waiting');
  if (!saga.whole) return NEED_ALL;
  const { name, signalId } = takes;
  const isTaken = [...saga.operations.values()].some((other) => other.wait?.kind === 'signal' && other.wait.taken === signalId);
  if (isTaken) return ignored('taken');
  const taking: Operation = { ...operation, state: 'completed', error: null, wait: { kind: 'signal', name, taken: signalId } };
  return finish(event, settle(plan, saga, { ...taking, output: event.result.output }));
}

/** A wait has lasted as long as it may. */
export function waitOver(plan: Plan, saga: SagaValue, event: WaitOverEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  if (operation.state !== 'waiting' || operation.fence !== event.fence) return ignored('not-waiting');
  if (saga.paused) return ignored('paused');
  return finish(event, timedOut(plan, saga, operation, event));
}

function timedOut(plan: Plan, saga: SagaValue, operation: Operation, { elapsedMs, seed }: WaitOverEvent): Draft {
  const wish = { retryable: undefined, retryAfterMs: undefined, elapsedMs: elapsedMs ?? 0, seed };
  switch (operation.wait?.kind) {
    case 'timer':
      return settle(plan, saga, { ...operation, state: 'completed', output: null, error: null });
    case 'signal': {
      const error = { code: 'SIGNAL_TIMEOUT', message: `no signal "${operation.wait.name}" has come in time` };
      return retryOrSettle(plan, saga, { ...operation, error }, wish);
    }
    default: {
      const error = { code: 'STEP_TIMEOUT', message: 'nobody has said in time how it ended' };
      return retryOrSettle(plan, saga, { ...operation, fence: operation.fence + 1, hadUnknown: true, error }, wish);
    }
  }
}

/** What it waits for may be there: its handler looks again, and this attempt does not count. */
export function woken(plan: Plan, saga: SagaValue, event: WokenEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  if (operation.state !== 'waiting' || operation.wait?.kind !== 'saga') return ignored('not-waiting');
  const again: Operation = { ...operation, state: 'started', claims: operation.claims - 1 };
  const isHeld = saga.state === 'stuck' && operation.direction === 'action'; // until it is known which way the pivot has gone
  return finish(event, draft(withOperations(saga, [again]), again, isHeld ? [] : [dispatch(plan, again)]));
}
