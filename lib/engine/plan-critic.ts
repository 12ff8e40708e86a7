import { SagaPlanError } from '../errors';
import type { HandlerCatalog } from '../core/handler-declaration';
import { lintSteps, spokenFinding, type LintOptions } from '../core/lint';
import type { PlanDefaults } from '../core/plan-compiler';
import type { StepList } from '../core/step-spec';
import type { SagaObserver } from '../ports/saga-observer';

const MOST_REMEMBERED = 10_000;

/** Runs the linter over plans that are started, each once. */
export class PlanCritic {
  private readonly seen = new Set<string>();

  constructor(
    private readonly observer: SagaObserver,
    private readonly options: { readonly plan: Pick<PlanDefaults, 'limits'>; readonly lint: LintOptions },
  ) {}

  /**
   * The plan has been compiled: what its keys name exists, or need not yet.
   *
   * @throws SagaPlanError when a finding counts as an error
   */
  look(planHash: string, name: string, steps: StepList, catalog: HandlerCatalog): void {
    if (this.seen.has(planHash)) return;
    const { lint, plan } = this.options;
    const findings = lintSteps(name, steps, catalog, plan.limits, { ...lint, rules: { ...lint.rules, 'unknown-key': 'off' } });
    const errors = findings.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw new SagaPlanError(name, errors.map(spokenFinding));
    if (this.seen.size >= MOST_REMEMBERED) this.seen.clear();
    this.seen.add(planHash);
    if (findings.length > 0) this.observer.notify({ type: 'plan.questioned', name, findings });
  }
}
