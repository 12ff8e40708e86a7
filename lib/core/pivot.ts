import { NEED_ALL } from './decision';
import { dispatch, type Draft } from './draft';
import { settleAction } from './forward';
import type { Operation } from './operation';
import type { Plan } from './plan';
import { withOperations, type SagaValue } from './saga-value';

/**
 * Somebody can say after all how the pivot of a stuck saga ended: it goes forward, or turns back. What waited for that meanwhile is due
 * at once.
 */
export function pivotAnswered(plan: Plan, saga: SagaValue, pivot: Operation): Draft {
  if (!saga.whole) return NEED_ALL;
  const ready = [...saga.operations.values()].filter(({ state, verifying }) => (state === 'started' || state === 'retrying') && !verifying);
  const woken = ready.map((operation): Operation => ({ ...operation, state: 'started' }));
  const going: SagaValue = { ...withOperations(saga, woken), state: 'started', cause: null, openActions: saga.openActions + 1 };
  const made = settleAction(plan, going, pivot);
  if (made.kind === 'need' || made.saga.state !== 'started') return made;
  return { ...made, effects: [...made.effects, ...woken.map((operation) => dispatch(plan, operation))] };
}
