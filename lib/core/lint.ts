import { SagaPlanError } from '../errors';
import type { HandlerCatalog } from './handler-declaration';
import type { JsonLimits } from './json';
import { LINT_RULES, type LintCode } from './lint-rules';
import { graphOf } from './lint-view';
import { placeSteps } from './plan-shape';
import type { StepList } from './step-spec';

export type LintLevel = 'off' | 'warn' | 'error';

/** Something about a plan that is wrong, or that people have regretted. */
export interface LintFinding {
  readonly code: LintCode;
  readonly level: Exclude<LintLevel, 'off'>;
  /** Name of the saga. */
  readonly saga: string;
  /** Name of the step; null when it is about the whole plan. */
  readonly step: string | null;
  /** What, and what to do about it. */
  readonly message: string;
}

export interface LintOptions {
  /** What each rule is worth. Default: see `docs/plans.md`. */
  readonly rules?: Readonly<Partial<Record<LintCode, LintLevel>>>;
  /** A plan with more steps is a finding. Default: 10. */
  readonly maxSteps?: number;
}

const MOST_STEPS = 10;

/**
 * Looks at the steps of a saga as somebody would who has been paged before.
 *
 * @throws SagaPlanError when they have not even the form of steps
 */
export function lintSteps(
  name: string,
  list: StepList,
  catalog: HandlerCatalog,
  limits: JsonLimits,
  { rules = {}, maxSteps = MOST_STEPS }: LintOptions = {},
): readonly LintFinding[] {
  const problems: string[] = [];
  const placed = placeSteps(name, list, problems);
  if (problems.length > 0) throw new SagaPlanError(name, problems);
  const view = { steps: placed.map(({ spec }) => spec), graph: graphOf(placed), catalog, limits, maxSteps };
  const inside = placed.flatMap(({ spec }) =>
    spec.child === undefined ? [] : lintSteps(spec.child.name, spec.child.steps, catalog, limits, { rules, maxSteps }),
  );
  const found = LINT_RULES.flatMap(({ code, level: usual, find }) => {
    const level = rules[code] ?? usual;
    if (level === 'off') return [];
    return find(view).map(({ step, message }): LintFinding => ({ code, level, saga: name, step, message }));
  });
  return [...found, ...inside];
}

/** One line for a log or an error. */
export function spokenFinding({ code, saga, step, message }: LintFinding): string {
  return `saga "${saga}"${step === null ? '' : `, step "${step}"`}: ${message} (${code})`;
}
