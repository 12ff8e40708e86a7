import type { Operation, StepFailure, Wait } from './operation';

const CHILD_STUCK = 'CHILD_STUCK';

/** What an operation shows while the saga that it waits for is stuck. */
export function stuckChildOf(wait: Wait): StepFailure | null {
  if (wait.kind !== 'saga' || wait.stuck !== true) return null;
  return { code: CHILD_STUCK, message: `the saga ${wait.sagaId} is stuck and waits for a person` };
}

/** It waits for that saga no more, so that one's trouble is none of its own. */
export function withoutStuckChild(operation: Operation): Operation {
  return operation.error?.code === CHILD_STUCK && operation.wait?.kind === 'saga' ? { ...operation, error: null } : operation;
}
