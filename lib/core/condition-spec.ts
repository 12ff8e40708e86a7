import type { Reference } from './reference';

/**
 * Whether a step runs, as plain data. Every test of one object has to hold. A value that is missing passes no test but `exists: false`; a
 * null that is there exists, and equals null.
 *
 * @example
 * { path: 'context.requiresApproval', equals: true }
 * { and: [{ path: 'outputs.score.risk', atLeast: 50 }, { not: { of: ref('check', 'country'), in: ['AT', 'DE'] } }] }
 */
export type ConditionSpec =
  | (ConditionTests & ({ readonly path: string; readonly of?: never } | { readonly of: Reference; readonly path?: never }))
  | { readonly and: readonly ConditionSpec[] }
  | { readonly or: readonly ConditionSpec[] }
  | { readonly not: ConditionSpec };

/**
 * What is asked of the value that `path` (`context.a.b`, `outputs.<step>.a.b`) or `of` (a `ref()` or `contextRef()`) names. The values
 * given here are part of the plan, of which each different one is kept for ever: let what varies with every saga travel in its context.
 */
export interface ConditionTests {
  /** The same JSON, however deep. */
  readonly equals?: unknown;
  /** It is there, and is other JSON. */
  readonly notEquals?: unknown;
  /** A number is compared with numbers, a text (an ISO date) with texts, by its characters; anything else does not pass. */
  readonly above?: number | string;
  readonly atLeast?: number | string;
  readonly below?: number | string;
  readonly atMost?: number | string;
  /** It equals one of these. */
  readonly in?: readonly unknown[];
  /** It is there, or it is not. */
  readonly exists?: boolean;
}
