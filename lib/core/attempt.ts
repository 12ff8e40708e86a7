import { settledBetweenAttempts } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { dispatch, draft, finish, policyOf, type Draft } from './draft';
import type { CompletedEvent, FailedEvent, LeaseExpiredEvent, ReleasedEvent } from './event';
import { lateOutcome } from './late';
import { attemptsOf, type Operation } from './operation';
import type { Plan } from './plan';
import { nextRetryMs } from './retry-policy';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { settle } from './settle';

type AttemptEnd = CompletedEvent | FailedEvent | LeaseExpiredEvent | ReleasedEvent;

/** One attempt is over: by its worker's word, or because nothing was heard of it. */
export function attemptEnded(plan: Plan, saga: SagaValue, event: AttemptEnd): Decision {
  const operation = operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  const isItsWorker = operation.state === 'running' && operation.fence === event.fence && operation.claimId === event.claimId;
  if (!isItsWorker)
    return event.type === 'completed' && operation.direction === 'action' ? lateOutcome(plan, saga, operation, event) : ignored('stale');
  return finish(event, next(plan, saga, operation, event));
}

function next(plan: Plan, saga: SagaValue, operation: Operation, event: AttemptEnd): Draft {
  switch (event.type) {
    case 'released':
      return startAgain(
        plan,
        saga,
        { ...operation, claims: operation.claims - 1, hadUnknown: operation.hadUnknown || event.interrupted },
        0,
      );
    case 'completed':
      return settle(plan, saga, { ...operation, state: 'completed', output: event.output, error: null });
    case 'failed': {
      const failed = { ...operation, error: event.error, hadUnknown: operation.hadUnknown || event.outcome === 'unknown' };
      return retryOrSettle(plan, saga, failed, event);
    }
    case 'lease-expired':
      return leaseExpired(plan, saga, operation, event.seed);
  }
}

/** The attempt may have taken effect and may still do so: from now on its outcome is unknown and its fence is too old. */
function leaseExpired(plan: Plan, saga: SagaValue, operation: Operation, seed: number): Draft {
  const taken = { ...operation, fence: operation.fence + 1, hadUnknown: true };
  const policy = policyOf(plan, operation);
  if (operation.timedOut) {
    const error = { code: 'STEP_TIMEOUT', message: `no outcome within ${policy.timeoutMs} ms` };
    return retryOrSettle(plan, saga, { ...taken, error }, { retryable: undefined, retryAfterMs: undefined, seed });
  }
  const losses = operation.losses + 1;
  const error = { code: 'WORKER_LOST', message: `the process that ran it stopped reporting (${losses} so far)` };
  const lost = { ...taken, error, losses, blamed: operation.blamed + 1 };
  return lost.blamed >= policy.losses ? settle(plan, saga, { ...lost, state: 'unknown' }) : startAgain(plan, saga, lost, 0);
}

type RetryWish = Pick<FailedEvent, 'retryable' | 'retryAfterMs' | 'seed'>;

function retryOrSettle(plan: Plan, saga: SagaValue, operation: Operation, wish: RetryWish): Draft {
  const { retryable, retryAfterMs, seed } = wish;
  const { retry } = policyOf(plan, operation);
  const inMs = nextRetryMs({ policy: retry, attempts: attemptsOf(operation), retryable, retryAfterMs, seed });
  if (inMs !== null) return startAgain(plan, saga, operation, inMs);
  return settle(plan, saga, { ...operation, state: operation.hadUnknown ? 'unknown' : 'failed' });
}

/** Another attempt, unless it is an action and the saga has turned back: then it settles where it is. */
function startAgain(plan: Plan, saga: SagaValue, operation: Operation, inMs: number): Draft {
  if (operation.direction === 'action' && saga.state !== 'started') {
    return settle(plan, saga, { ...operation, state: settledBetweenAttempts(operation) });
  }
  const again: Operation = { ...operation, state: inMs > 0 ? 'retrying' : 'started' };
  return draft(withOperations(saga, [again]), again, [dispatch(plan, again, inMs)]);
}
