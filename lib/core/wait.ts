import { mayStillRun } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, type Draft } from './draft';
import type { CalledBackEvent, SuspendedEvent, WaitOverEvent, WokenEvent } from './event';
import { lateOutcome } from './late';
import { isSettled, type Operation, type StepFailure, type Wait } from './operation';
import type { Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { giveUp, retryOrSettle } from './attempt-budget';
import { settle, settleBetweenAttempts } from './settle';
import { isStillWanted } from './undo-order';

/** The handler has returned and its worker is free; the operation waits, under no lease, for somebody else. */
export function suspended(plan: Plan, saga: SagaValue, operation: Operation, { wait, timeoutMs }: SuspendedEvent): Draft {
  const waiting: Operation = { ...operation, state: 'waiting', wait, error: errorOf(wait) };
  if (operation.heard !== null) return saidFailed(plan, saga, waiting, operation.heard);
  // Its saga turned back. Whoever has its token may still do what it was asked for, and is then heard as somebody who comes late.
  if (!mayStillRun(operation, saga)) return settleBetweenAttempts(plan, saga, { ...waiting, fence: operation.fence + 1 });
  const { step, direction, round } = operation;
  const lookAgain = wait.kind === 'signal' || wait.kind === 'saga';
  return draft(withOperations(saga, [waiting]), waiting, [
    { type: 'wait', operation: { step, direction, round }, endsInMs: timeoutMs, lookAgain },
  ]);
}

function errorOf(wait: Wait): StepFailure | null {
  if (wait.kind !== 'saga' || wait.stuck !== true) return null;
  return { code: 'CHILD_STUCK', message: `the saga ${wait.sagaId} is stuck and waits for a person` };
}

/** The word of whoever is waited for. It ends the operation wherever it stands, once. */
export function calledBack(plan: Plan, saga: SagaValue, event: CalledBackEvent): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  if (operation.claims === 0 || operation.heard !== null) return ignored('not-waiting');
  if (isSettled(operation)) return comesLate(plan, saga, operation, event);
  if (operation.direction === 'undo' && !isStillWanted(saga, operation)) return ignored('wrong-direction');
  const { result } = event;
  if (result.kind === 'completed') {
    const fence = operation.fence + (operation.state === 'running' ? 1 : 0); // its worker has nothing more to say
    return finish(event, settle(plan, saga, { ...operation, state: 'completed', fence, output: result.output, error: null }));
  }
  if (operation.verifying) return ignored('not-waiting');
  if (operation.state !== 'running') return finish(event, saidFailed(plan, saga, operation, result.error));
  // Its handler may still have an effect of its own.
  const told: Operation = { ...operation, heard: result.error };
  return finish(event, draft(withOperations(saga, [told]), told));
}

/** There is no other attempt after a word from outside. */
function saidFailed(plan: Plan, saga: SagaValue, operation: Operation, error: StepFailure): Draft {
  return giveUp(plan, saga, { ...operation, error });
}

function comesLate(plan: Plan, saga: SagaValue, operation: Operation, { result, operation: ref }: CalledBackEvent): Decision {
  if (result.kind === 'failed' || operation.direction === 'undo') return ignored('not-waiting');
  const { claimId, fence } = operation;
  const completed = { type: 'completed', operation: ref, claimId: claimId ?? '', fence: fence - 1, output: result.output } as const;
  return lateOutcome(plan, saga, operation, completed);
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
  const canLook = operation.wait?.kind === 'signal' || operation.wait?.kind === 'saga';
  if (operation.state !== 'waiting' || !canLook) return ignored('not-waiting');
  const again: Operation = { ...operation, state: 'started', claims: operation.claims - 1 };
  return finish(event, draft(withOperations(saga, [again]), again, [dispatch(plan, again)]));
}
