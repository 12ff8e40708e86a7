import { SagaPlanError } from '../errors';
import { lintSteps, type LintFinding, type LintOptions } from '../core/lint';
import type { LintCode } from '../core/lint-rules';
import { compilePlan, type PlanDefaults } from '../core/plan-compiler';
import { readPlan, type PlanSource, type PlanSourceOptions } from './plan-source';

/** The largest input that is stored by default. */
const USUAL_LIMITS = { maxBytes: 262_144 };

const POLICY = { timeoutMs: 60_000, retry: null, losses: 5 };
/** Keys that nobody has are for a rule to find, and only if it is known what there is. */
const DEFAULTS: PlanDefaults = {
  action: POLICY,
  undo: POLICY,
  verify: POLICY,
  onStuck: 'halt',
  unknownKeys: 'warn',
  limits: USUAL_LIMITS,
};

/** Rules of the linter that find, in words of their own, what a start refuses too. */
const REFUSED_AS_WELL: readonly (LintCode | 'refused')[] = ['two-pivots', 'cycle', 'duplicate-name', 'unstorable-input'];

/** What the linter finds in a plan, or a start would refuse (`refused`). */
export type PlanFinding = Omit<LintFinding, 'code'> & { readonly code: LintCode | 'refused' };

/**
 * What the linter finds in a plan, and what else a start would refuse; nothing when all is well. Whether a key has a handler is asked only
 * when `handlers` says what there is.
 *
 * @example
 * expect(lintPlan(orderSaga, { handlers: [OrderService, PaymentService] })).toEqual([]);
 *
 * @throws SagaPlanError when it has not even the form of a plan
 */
export function lintPlan(source: PlanSource, options: PlanSourceOptions & LintOptions = {}): readonly PlanFinding[] {
  const { name, steps, catalog } = readPlan(source, options);
  const rules = options.handlers === undefined ? { ...options.rules, 'unknown-key': 'off' as const } : options.rules;
  const found = lintSteps(name, steps, catalog, USUAL_LIMITS, { ...options, ...(rules !== undefined && { rules }) });
  // Nothing is said twice: the rest is looked for when these are mended.
  if (found.some(({ code }) => REFUSED_AS_WELL.includes(code))) return found;
  return [...found, ...refusals(name, () => compilePlan(name, steps, catalog, DEFAULTS))];
}

const OF_STEP = /^step "([^"]*)": (.*)$/s;

function refusals(saga: string, compile: () => unknown): readonly PlanFinding[] {
  try {
    compile();
    return [];
  } catch (error) {
    if (!(error instanceof SagaPlanError)) throw error;
    return error.problems.map((problem): PlanFinding => {
      const [, step = null, message = problem] = OF_STEP.exec(problem) ?? [];
      return { code: 'refused', level: 'error', saga, step, message };
    });
  }
}
