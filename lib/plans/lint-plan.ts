import { lintSteps, type LintFinding, type LintOptions } from '../core/lint';
import { readPlan, type PlanSource, type PlanSourceOptions } from './plan-source';

/** The largest input that is stored by default. */
const USUAL_LIMITS = { maxBytes: 262_144 };

/**
 * What the linter finds in a plan; nothing when all is well. Whether a key has a handler is asked only when `handlers` says what there is.
 *
 * @example
 * expect(lintPlan(orderSaga, { handlers: [OrderService, PaymentService] })).toEqual([]);
 *
 * @throws SagaPlanError when it has not even the form of a plan
 */
export function lintPlan(source: PlanSource, options: PlanSourceOptions & LintOptions = {}): readonly LintFinding[] {
  const { name, steps, catalog } = readPlan(source, options);
  const rules = options.handlers === undefined ? { ...options.rules, 'unknown-key': 'off' as const } : options.rules;
  return lintSteps(name, steps, catalog, USUAL_LIMITS, { ...options, ...(rules !== undefined && { rules }) });
}
