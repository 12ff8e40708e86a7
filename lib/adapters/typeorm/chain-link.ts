import { deadlineDealtWith } from '../../core/claim';
import type { Chained } from '../../core/chain';
import type { Operation } from '../../core/operation';
import { dependentsOf, type Plan } from '../../core/plan';
import { operationOf } from '../../core/saga-value';
import type { ChainOffer } from '../../ports/claim';

/** The claim that is chained to a move: what its statement has to know of it. */
export interface Link {
  readonly operation: Operation;
  readonly worker: string;
  readonly leaseMs: number;
  /** A pause of this action forbids the claim. */
  readonly pausedBy: string | null;
  /** So does a deadline that has passed. */
  readonly mindsDeadline: boolean;
  /** null: this process knows already what the claim needs. `neighbours`: null when they are known. */
  readonly reads: { readonly neighbours: readonly number[] | null } | null;
}

export function linkOf(plan: Plan, { saga, operation: ref, key }: Chained, { worker, leaseMs }: ChainOffer, isKnown: boolean): Link {
  const operation = operationOf(saga, ref) as Operation;
  const isAction = operation.direction === 'action';
  return {
    operation,
    worker,
    leaseMs,
    pausedBy: isAction ? key : null,
    mindsDeadline: isAction && !deadlineDealtWith(saga),
    reads: isKnown ? null : { neighbours: saga.whole ? null : waitingFor(plan, operation) },
  };
}

/** The steps whose operations the end of this one is decided from, besides itself. */
export function waitingFor(plan: Plan, { direction, step, releases }: Operation): readonly number[] {
  return direction === 'action' ? dependentsOf(plan, step) : releases;
}
