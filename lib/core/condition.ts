import type { Json } from './json';
import type { StoredReference } from './reference';

/** Whether a step runs, as data: outputs of earlier steps and the context given at start never change, so neither does the answer. */
export type Condition =
  | { readonly of: ConditionSource; readonly is: ConditionTest }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

/** Where a condition looks: an output by the step's place in the plan, or the context (null). */
export type ConditionSource = Omit<StoredReference, 'at'>;

export type ConditionTest =
  | { readonly op: 'equals' | 'notEquals' | OrderedTest; readonly value: Json }
  | { readonly op: 'in'; readonly values: readonly Json[] }
  | { readonly op: 'exists'; readonly value: boolean };

/** Tests of what has an order: two numbers, or two texts. */
export type OrderedTest = 'above' | 'atLeast' | 'below' | 'atMost';

/** The steps whose outputs a condition looks at, by their places. */
export function stepsIn(condition: Condition): readonly number[] {
  if ('all' in condition) return condition.all.flatMap(stepsIn);
  if ('any' in condition) return condition.any.flatMap(stepsIn);
  if ('not' in condition) return stepsIn(condition.not);
  return condition.of.step === null ? [] : [condition.of.step];
}
