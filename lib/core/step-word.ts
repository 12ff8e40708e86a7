declare const WORD: unique symbol;

/** What a handler may return in place of an output: `ctx.skip(…)`, `ctx.suspend(…)`, `ctx.finish(…)`. Only the engine looks inside. */
export interface StepWord {
  readonly [WORD]: true;
}
