import type { ChainTerms } from '../core/chain';
import type { IgnoredReason } from '../core/decision';
import type { SagaEffect } from '../core/effect';
import type { Json, JsonObject } from '../core/json';
import type { Operation, OperationRef } from '../core/operation';
import type { Plan } from '../core/plan';
import type { StoredReference } from '../core/reference';
import type { SagaValue } from '../core/saga-value';

export interface ClaimRequest {
  readonly sagaId: string;
  readonly operation: OperationRef;
  readonly claimId: string;
  /** Which process claims; for people, never for decisions. */
  readonly worker: string;
  readonly leaseMs: number;
  /** The newest plan format this process knows. */
  readonly planFormat: number;
  /** This process can ask whether the action took effect. Default: true. */
  readonly canVerify?: boolean;
  /** Keys of the `@SagaCondition` methods of this process. Default: whichever is needed. */
  readonly conditions?: readonly string[];
  /** An operation that was lost more often is refused as a suspect. Default: none is. */
  readonly maxLosses?: number;
  /** This process runs nothing else until the attempt is over. Default: false. */
  readonly alone?: boolean;
}

export type ClaimResult =
  | { readonly kind: 'claimed'; readonly claim: Claim }
  /** `busy`: somebody else held the saga at that moment; the wake-up will be sent again. */
  | { readonly kind: 'refused'; readonly reason: IgnoredReason | 'missing' | 'busy' | 'unknown-plan-format' };

/** Everything a worker needs to run one attempt. */
export interface Claim {
  readonly sagaId: string;
  readonly claimId: string;
  readonly operation: Operation;
  readonly stepId: string;
  readonly input: Json;
  readonly references: readonly StoredReference[];
  /** Outputs that the references name, by place. */
  readonly outputs: ReadonlyMap<number, Json>;
  /** As it was given at start: what references mean. */
  readonly context: Json;
  /** What `setContext()` has laid over it: what handlers see. */
  readonly laidOver: JsonObject | null;
  readonly metadata: Json;
  /** Undos: the action's output; undefined when its outcome is unknown. */
  readonly actionOutput: Json | undefined;
  readonly createdAt: Date;
  /** Since the first attempt began. */
  readonly elapsedMs: number;
  /** What the report of this attempt may be decided from, as long as nothing else has changed the saga. */
  readonly basis: Basis;
  /**
   * Of a saga that has run here since its start: what its later claims would read, and so what nobody may change. Left out by a
   * claim that has read what it says.
   */
  readonly ahead?: Ahead | undefined;
}

export interface Ahead {
  readonly steps: readonly NewStep[];
  /** What the actions have returned so far, by place. */
  readonly outputs: ReadonlyMap<number, Json>;
  /** When the last attempt of each action ended, by place. */
  readonly executedAt: ReadonlyMap<number, Date>;
  readonly businessKey: string | null;
}

export interface Basis {
  readonly plan: Plan;
  readonly saga: SagaValue;
}

export interface NewStep {
  readonly stepId: string;
  readonly input: Json;
  readonly references: readonly StoredReference[];
}

/**
 * A worker that goes on with what its report, or its start, sets free: the same statement claims it. When the claim's rule forbids that
 * at this moment, when the saga has moved on, or for no reason at all, nothing is claimed and the operation is dispatched.
 */
export interface ChainOffer extends ChainTerms, Pick<ClaimRequest, 'worker' | 'leaseMs'> {}

/** What was claimed with a start, and what that has left of the start's effects. */
export interface ChainedClaim {
  readonly effects: readonly SagaEffect[];
  readonly next: Claim;
}
