import { SagaFailedError, SagaInputError, SagaStuckError } from '../errors';
import { isRecord } from '../core/known-fields';
import type { StepFailed } from '../core/saga-value';
import { waitTimeoutOf } from '../options/wait-timeout';
import type { Saga } from './saga';
import type { StartOptions } from './start-options';

/** What `execute()` takes: all of `start()` but `manager`, whose transaction would have to commit before there is anything to wait for. */
export interface ExecuteOptions extends Omit<StartOptions, 'manager'> {
  /** How long the caller waits, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number;
}

/** @throws SagaInputError */
export function executeOptionsOf(options: unknown = {}): { readonly waitMs: number; readonly startOptions: StartOptions } {
  if (!isRecord(options)) throw new SagaInputError('options', '', 'must be an object');
  const { timeoutMs, ...startOptions } = options;
  if ('manager' in startOptions)
    throw new SagaInputError(
      'options',
      '/manager',
      'cannot be waited for: start() the saga in your transaction, commit, then waitFor() it',
    );
  return { waitMs: waitTimeoutOf(timeoutMs === undefined ? {} : { timeoutMs }), startOptions };
}

/** @throws SagaFailedError, SagaStuckError unless it is completed */
export function completed(saga: Saga): Saga {
  if (saga.isCompleted) return saga;
  if (saga.isStuck) throw new SagaStuckError(saga);
  throw new SagaFailedError(saga, reasonOf(saga));
}

function stepFailed({ step, outcome, reportedBy }: StepFailed): string {
  if (reportedBy !== undefined) return `${reportedBy.actor ?? 'somebody'} said that step "${step}" failed with`;
  return outcome === 'unknown' ? `nobody knows whether step "${step}" took effect after` : `step "${step}" failed with`;
}

/** Why it did not complete, after a colon. */
export function reasonOf({ cause }: Pick<Saga, 'cause'>): string {
  switch (cause?.kind) {
    case 'step-failed':
      return `${stepFailed(cause)} ${cause.error.code}: ${cause.error.message}`;
    case 'deadline':
      return 'its deadline passed';
    case 'asked':
    case 'terminated':
      return `${cause.actor ?? 'somebody'} ${cause.kind === 'asked' ? 'asked for it' : 'ended it'}${cause.reason === null ? '' : `, because: ${cause.reason}`}`;
    case undefined:
      return 'nothing says why';
  }
}
