import { NEED_ALL } from './decision';
import { dispatch, type Draft } from './draft';
import { finishEarly } from './early-end';
import { settleAction } from './forward';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';

/**
 * Somebody can say after all how the pivot of a stuck saga ended: it goes forward, or turns back. What waited for that meanwhile is due
 * at once.
 */
export function pivotAnswered(plan: Plan, saga: SagaValue, pivot: Operation, finishes = false): Draft {
  if (!saga.whole) return NEED_ALL;
  const ready = [...saga.operations.values()].filter(({ state, verifying }) => (state === 'started' || state === 'retrying') && !verifying);
  const woken = ready.map((operation): Operation => ({ ...operation, state: 'started' }));
  const going: SagaValue = { ...withOperations(saga, woken), state: 'started', cause: null, openActions: saga.openActions + 1 };
  const made = finishes ? finishEarly(plan, going, pivot) : settleAction(plan, going, pivot);
  if (made.kind === 'need' || made.saga.state !== 'started') return made;
  const due = woken.filter((operation) => operationOf(made.saga, operation)?.state === 'started');
  return { ...made, effects: [...made.effects, ...due.map((operation) => dispatch(plan, operation))] };
}
