import { keyOf } from '../core/draft';
import type { CalledBackEvent, WaitOverEvent } from '../core/event';
import { operationOf } from '../core/saga-value';
import type { SagaObserver } from '../ports/saga-observer';
import type { Applied } from './committer';

/** Tells this process how an operation has ended, or that it is tried again, by something that was no worker. */
export function announceWord(observer: SagaObserver, { plan, saga }: Applied, { operation: ref }: CalledBackEvent | WaitOverEvent): void {
  const operation = operationOf(saga, ref);
  if (operation === undefined) return;
  const about = { sagaId: saga.id, operation: ref, key: keyOf(plan, ref) };
  const step = plan.steps[ref.step]?.name ?? '';
  if (operation.state === 'completed') return observer.notify({ type: 'operation.completed', ...about });
  const { error, state } = operation;
  if (state === 'running' || error === null) return; // its worker still has a word to say
  observer.notify({ type: 'operation.failed', ...about, step, ...error, willRetry: state === 'started' || state === 'retrying' });
}
