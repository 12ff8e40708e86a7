import { asHeard, giveUp, isWaitedFor, retryOrSettle, startAgain, startAgainWithin } from './attempt-budget';
import { mayStillRun } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { draft, finish, mayTakeEffect, policyOf, withContext, type Draft } from './draft';
import type {
  AdmittedEvent,
  CompletedEvent,
  FailedEvent,
  LeaseExpiredEvent,
  LostEvent,
  ReleasedEvent,
  SkippedEvent,
  SuspendedEvent,
  VerifiedEvent,
} from './event';
import { finishEarly, isLeftOut } from './early-end';
import { isNewRequest, lateRequest, lateSuccess } from './late-kinds';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { lossDelayMs } from './retry-policy';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { settle } from './settle';
import { isBeingAskedAfter } from './verify';
import { suspended } from './wait';

type AttemptEnd =
  | CompletedEvent
  | SkippedEvent
  | SuspendedEvent
  | FailedEvent
  | VerifiedEvent
  | LostEvent
  | LeaseExpiredEvent
  | ReleasedEvent
  | AdmittedEvent;

/** One attempt is over: by its worker's word, or because nothing was heard of it. */
export function attemptEnded(plan: Plan, saga: SagaValue, event: AttemptEnd): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  const isItsWorker = operation.state === 'running' && operation.fence === event.fence && operation.claimId === event.claimId;
  if (isItsWorker && event.type === 'admitted' && operation.condition === null) return ignored('stale'); // said once before
  if (isItsWorker) return finish(event, withContext(event, next(plan, saga, operation, event)));
  return operation.direction === 'action' ? saidLate(plan, saga, operation, event) : ignored('stale');
}

/** Somebody who was given up has something to say after all. */
function saidLate(plan: Plan, saga: SagaValue, action: Operation, event: AttemptEnd): Decision {
  const isAskedAfter = isBeingAskedAfter(action);
  if (event.type === 'completed') return isAskedAfter ? answered(plan, saga, action, event) : lateSuccess(plan, saga, action, event);
  if (event.type !== 'suspended') return ignored('stale');
  return isAskedAfter ? askedAnew(plan, saga, action, event) : lateRequest(plan, saga, action, event);
}

/**
 * The effect itself answers while somebody is asked after it. Whoever asks is not heard any more: what it found may be older than the
 * effect.
 */
function answered(plan: Plan, saga: SagaValue, operation: Operation, event: CompletedEvent): Decision {
  if (event.fence >= operation.fence || event.fence <= operation.lateFence) return ignored('stale');
  const { fence, output } = event;
  const completed: Operation = { ...operation, state: 'completed', fence: operation.fence + 1, lateFence: fence, output, error: null };
  return finish(event, withContext(event, ended(plan, saga, completed, event)), 'late');
}

/** Somebody outside has been asked for the effect meanwhile: what is found at this moment may be older than that. */
function askedAnew(plan: Plan, saga: SagaValue, operation: Operation, event: SuspendedEvent): Decision {
  if (operation.state !== 'running' || !isNewRequest(operation, event)) return ignored('stale');
  const { fence, claims } = operation;
  return finish(event, startAgain(plan, saga, { ...operation, fence: fence + 1, lateFence: event.fence, claims: claims - 1 }, 0), 'late');
}

function next(plan: Plan, saga: SagaValue, operation: Operation, event: AttemptEnd): Draft {
  switch (event.type) {
    case 'released':
      return released(plan, saga, operation, event.interrupted);
    case 'completed':
      return completed(plan, saga, operation, event);
    case 'skipped': {
      if (operation.heard !== null) return asHeard(plan, saga, operation, operation.heard);
      // An undo that has nothing to do has done it.
      const state = operation.direction === 'action' ? 'skipped' : 'completed';
      return settle(plan, saga, { ...operation, state, hadUnknown: operation.hadUnknown && event.neverRan !== true, error: null });
    }
    case 'suspended':
      return suspended(plan, saga, operation, event);
    case 'admitted':
      return admitted(plan, saga, operation);
    case 'verified':
      return verified(plan, saga, operation, event);
    case 'failed': {
      // Of a transactional attempt its worker says so only when the handler went behind the back of its transaction.
      const failed = { ...operation, error: event.error, hadUnknown: operation.hadUnknown || event.outcome === 'unknown' };
      return retryOrSettle(plan, saga, failed, event);
    }
    case 'lost':
      return saidLost(plan, saga, operation, event);
    case 'lease-expired':
      return leaseExpired(plan, saga, operation, event);
  }
}

function completed(plan: Plan, saga: SagaValue, operation: Operation, event: CompletedEvent): Draft {
  // Two words that cannot both be true: somebody outside said that it had failed. This one was counted; its copies are not.
  if (operation.heard?.kind === 'failed') {
    return giveUp(plan, saga, { ...operation, hadUnknown: true, lateFence: operation.fence, error: operation.heard.error });
  }
  if (operation.heard !== null) return asHeard(plan, saga, operation, operation.heard);
  return ended(plan, saga, { ...operation, state: 'completed', output: event.output, error: null }, event);
}

/** A step may end its saga with it. */
function ended(plan: Plan, saga: SagaValue, completed: Operation, { finishes }: CompletedEvent): Draft {
  return finishes === true ? finishEarly(plan, saga, completed) : settle(plan, saga, completed);
}

/** From here on its handler may run. A saga that has turned back meanwhile, or is to, or was finished, does not want that any more. */
function admitted(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  if (!mayStillRun(operation, saga) || isWaitedFor(plan, saga, operation) || isLeftOut(saga, operation))
    return settle(plan, saga, { ...operation, state: 'skipped', error: null });
  const ready: Operation = { ...operation, condition: null };
  return draft(withOperations(saga, [ready]), ready);
}

function released(plan: Plan, saga: SagaValue, operation: Operation, interrupted: boolean): Draft {
  const hadUnknown = operation.hadUnknown || (interrupted && mayTakeEffect(plan, operation));
  return startAgain(plan, saga, { ...operation, claims: operation.claims - 1, hadUnknown }, 0);
}

function verified(plan: Plan, saga: SagaValue, operation: Operation, event: VerifiedEvent): Draft {
  switch (event.found.kind) {
    case 'done':
      return settle(plan, saga, { ...operation, state: 'completed', output: event.found.output, error: null });
    case 'not-done':
      return settle(plan, saga, { ...operation, state: 'failed' });
    case 'unknown':
      return retryOrSettle(plan, saga, operation, { retryable: undefined, retryAfterMs: undefined, ...event });
  }
}

/**
 * From now on the fence of the attempt is too old. It may have taken effect and may still do so, unless it was to commit together
 * with its outcome.
 */
function leaseExpired(plan: Plan, saga: SagaValue, operation: Operation, event: LeaseExpiredEvent): Draft {
  const policy = policyOf(plan, operation);
  const taken = { ...operation, fence: operation.fence + 1, hadUnknown: operation.hadUnknown || mayTakeEffect(plan, operation) };
  if (operation.timedOut) {
    const error = { code: 'STEP_TIMEOUT', message: `no outcome within ${policy.timeoutMs} ms` };
    return retryOrSettle(plan, saga, { ...taken, error }, { retryable: undefined, retryAfterMs: undefined, ...event });
  }
  const error = { code: 'WORKER_LOST', message: `the process that ran it stopped reporting (${operation.losses + 1} so far)` };
  // Beside others it may have been one of them that ended the process.
  const blamed = operation.blamed + (operation.alone ? 1 : 0);
  return startAgainWithin(plan, saga, { ...taken, error, losses: operation.losses + 1, blamed }, 0); // the lease was pause enough
}

/** Its process lives and says that the attempt came to nothing. So it does not count, and the operation is no suspect. */
function saidLost(plan: Plan, saga: SagaValue, operation: Operation, { error, seed }: LostEvent): Draft {
  const blamed = operation.blamed + 1;
  return startAgainWithin(plan, saga, { ...operation, error, claims: operation.claims - 1, blamed }, lossDelayMs(blamed, seed));
}
