import type { Wait } from '../core/operation';
import type { StepWord } from '../core/step-word';

const VERB = Symbol.for('nest-saga:verb');

export type VerbOf =
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'suspend'; readonly wait: Wait; readonly timeoutMs: number | null }
  | { readonly kind: 'finish'; readonly output: unknown };

export function verb(of: VerbOf): StepWord {
  return Object.freeze({ [VERB]: of }) as unknown as StepWord;
}

export function verbIn(value: unknown): VerbOf | null {
  return typeof value === 'object' && value !== null && VERB in value ? (value as { readonly [VERB]: VerbOf })[VERB] : null;
}
