import { isSettled, type Operation } from './operation';
import type { Plan } from './plan';

/** There is a `@Verify` handler for this action, and it has not been asked yet. */
export function canBeAsked(plan: Plan, operation: Operation): boolean {
  return operation.direction === 'action' && !operation.verifying && plan.steps[operation.step]?.verifyPolicy !== undefined;
}

/** Its `@Verify` handler has not said yet what became of it. */
export function isBeingAskedAfter(operation: Operation): boolean {
  return operation.verifying && !isSettled(operation);
}

/** The next attempts ask whether the action took effect; they have budgets of their own. */
export function askWhetherDone(operation: Operation): Operation {
  return { ...operation, verifying: true, hadUnknown: true, state: 'started', claims: 0, losses: 0, blamed: 0, timedOut: false };
}
