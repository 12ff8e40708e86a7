import type { SagaEffect } from '../core/effect';
import type { Json, JsonObject } from '../core/json';
import type { Plan } from '../core/plan';
import type { SagaState, SagaValue } from '../core/saga-value';
import type { ChainOffer, ChainedClaim, NewStep } from './claim';

/** Who starts a saga twice with one gets the first. */
export interface BusinessKey {
  readonly key: string;
  /** Of the input it came with. */
  readonly fingerprint: string;
}

export interface StartRequest {
  readonly sagaId: string;
  readonly plan: Plan;
  /** Content address of the plan. */
  readonly planHash: string;
  /** The saga at its start, and what that asks for; from `startSaga`. */
  readonly saga: SagaValue;
  readonly effects: readonly SagaEffect[];
  /** One a step, in the order of the plan. */
  readonly steps: readonly NewStep[];
  readonly context: Json;
  /** What `setContext()` has laid over it: of a saga that goes on where another was. Default: nothing. */
  readonly laidOver?: JsonObject | null;
  readonly metadata: Json;
  readonly businessKey: BusinessKey | null;
  readonly deadlineMs: number | null;
  /** When a wake-up that nobody claimed is sent again, in milliseconds. */
  readonly resendMs: number;
  /** The caller's open transaction, in the adapter's own terms (TypeORM: an EntityManager). */
  readonly manager?: unknown;
  /** Who would begin with the first operation at once. Never with `manager`. Default: nobody. */
  readonly chain?: ChainOffer;
}

export type StartResult =
  /** `committed` resolves when the caller's transaction has committed; null when the start is committed already. */
  | { readonly kind: 'started'; readonly committed: Promise<void> | null; readonly chained?: ChainedClaim }
  /** The business key had started this saga before, with the same input. `purged`: its rows are gone, its key is kept. */
  | { readonly kind: 'existing'; readonly sagaId: string; readonly state: SagaState; readonly purged: boolean }
  /** The business key had started this saga before, with another input. */
  | { readonly kind: 'conflict'; readonly sagaId: string };
