import type { Json } from './json';
import type { StoredReference } from './reference';

/** Whether a step runs, as data: outputs of earlier steps and the context given at start never change, so neither does the answer. */
export type Condition =
  | { readonly of: ConditionSource; readonly is: ConditionTest }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

/** Where a condition looks: an output by the step's place in the plan, or the context (null). */
export type ConditionSource = Pick<StoredReference, 'step' | 'path'>;

export type ConditionTest =
  | { readonly op: 'equals' | 'above' | 'atLeast' | 'below' | 'atMost'; readonly value: Json }
  | { readonly op: 'in'; readonly values: readonly Json[] }
  | { readonly op: 'exists' };
