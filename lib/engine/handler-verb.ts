import type { Wait } from '../core/operation';
import type { StepWord } from '../ports/step-invoker';

const VERB = Symbol.for('nest-saga:verb');

/** What a handler may return in place of an output, made by its context: `return ctx.skip('nothing to ship')`. */
export interface HandlerVerb extends StepWord {
  readonly [VERB]: VerbOf;
}

export type VerbOf =
  | { readonly kind: 'skip'; readonly reason: string }
  | { readonly kind: 'suspend'; readonly wait: Wait; readonly timeoutMs: number | null }
  | { readonly kind: 'finish'; readonly output: unknown };

export function verb(of: VerbOf): HandlerVerb {
  return Object.freeze({ [VERB]: of });
}

export function verbIn(value: unknown): VerbOf | null {
  return typeof value === 'object' && value !== null && VERB in value ? (value as HandlerVerb)[VERB] : null;
}
