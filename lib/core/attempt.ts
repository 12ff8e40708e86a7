import { mayStillRun } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, policyOf, type Draft } from './draft';
import type { CompletedEvent, FailedEvent, LeaseExpiredEvent, LostEvent, ReleasedEvent, VerifiedEvent } from './event';
import { lateOutcome } from './late';
import { attemptsOf, type Operation } from './operation';
import type { Plan } from './plan';
import { lossDelayMs, nextRetryMs } from './retry-policy';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { settle, settleBetweenAttempts, settleUnknown } from './settle';
import { isBeingAskedAfter } from './verify';

type AttemptEnd = CompletedEvent | FailedEvent | VerifiedEvent | LostEvent | LeaseExpiredEvent | ReleasedEvent;

/** One attempt is over: by its worker's word, or because nothing was heard of it. */
export function attemptEnded(plan: Plan, saga: SagaValue, event: AttemptEnd): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  const isItsWorker = operation.state === 'running' && operation.fence === event.fence && operation.claimId === event.claimId;
  if (isItsWorker) return finish(event, next(plan, saga, operation, event));
  if (event.type !== 'completed' || operation.direction !== 'action') return ignored('stale');
  return isBeingAskedAfter(operation) ? answered(plan, saga, operation, event) : lateOutcome(plan, saga, operation, event);
}

/**
 * The effect itself answers while somebody is asked after it. Whoever asks is not heard any more: what it found may be older than the
 * effect.
 */
function answered(plan: Plan, saga: SagaValue, operation: Operation, event: CompletedEvent): Decision {
  if (event.fence >= operation.fence) return ignored('stale');
  const { fence, output } = event;
  const completed: Operation = { ...operation, state: 'completed', fence: operation.fence + 1, lateFence: fence, output, error: null };
  return finish(event, settle(plan, saga, completed), 'late');
}

function next(plan: Plan, saga: SagaValue, operation: Operation, event: AttemptEnd): Draft {
  switch (event.type) {
    case 'released':
      return released(plan, saga, operation, event.interrupted);
    case 'completed':
      return settle(plan, saga, { ...operation, state: 'completed', output: event.output, error: null });
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

function released(plan: Plan, saga: SagaValue, operation: Operation, interrupted: boolean): Draft {
  const mayHaveHappened = interrupted && policyOf(plan, operation).transactional !== true;
  return startAgain(plan, saga, { ...operation, claims: operation.claims - 1, hadUnknown: operation.hadUnknown || mayHaveHappened }, 0);
}

function verified(plan: Plan, saga: SagaValue, operation: Operation, event: VerifiedEvent): Draft {
  switch (event.found.kind) {
    case 'done':
      return settle(plan, saga, { ...operation, state: 'completed', output: event.found.output, error: null });
    case 'not-done':
      return settle(plan, saga, { ...operation, state: 'failed' });
    case 'unknown':
      return retryOrSettle(plan, saga, operation, { ...event, retryable: undefined, retryAfterMs: undefined });
  }
}

/**
 * From now on the fence of the attempt is too old. It may have taken effect and may still do so, unless it was to commit together
 * with its outcome.
 */
function leaseExpired(plan: Plan, saga: SagaValue, operation: Operation, event: LeaseExpiredEvent): Draft {
  const policy = policyOf(plan, operation);
  const taken = { ...operation, fence: operation.fence + 1, hadUnknown: operation.hadUnknown || policy.transactional !== true };
  if (operation.timedOut) {
    const error = { code: 'STEP_TIMEOUT', message: `no outcome within ${policy.timeoutMs} ms` };
    return retryOrSettle(plan, saga, { ...taken, error }, { ...event, retryable: undefined, retryAfterMs: undefined });
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

/** Another attempt, within the budget of those that ended by no word of the handler. */
function startAgainWithin(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  return operation.blamed >= policyOf(plan, operation).losses ? giveUp(plan, saga, operation) : startAgain(plan, saga, operation, inMs);
}

type RetryWish = Pick<FailedEvent, 'retryable' | 'retryAfterMs' | 'elapsedMs' | 'seed'>;

function retryOrSettle(plan: Plan, saga: SagaValue, operation: Operation, wish: RetryWish): Draft {
  const { retryable, retryAfterMs, elapsedMs, seed } = wish;
  const { retry } = policyOf(plan, operation);
  const inMs = nextRetryMs({ policy: retry, attempts: attemptsOf(operation), retryable, retryAfterMs, elapsedMs, seed });
  return inMs === null ? giveUp(plan, saga, operation) : startAgain(plan, saga, operation, inMs);
}

function giveUp(plan: Plan, saga: SagaValue, operation: Operation): Draft {
  return operation.hadUnknown ? settleUnknown(plan, saga, operation) : settle(plan, saga, { ...operation, state: 'failed' });
}

/** Another attempt, unless it is an action and the saga has turned back: then it settles where it is. */
function startAgain(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  if (!mayStillRun(operation, saga)) return settleBetweenAttempts(plan, saga, operation);
  const again: Operation = { ...operation, state: inMs > 0 ? 'retrying' : 'started' };
  return draft(withOperations(saga, [again]), again, [dispatch(plan, again, inMs)]);
}
