import { SagaPlanError } from '../errors';
import { ConditionCompiler } from './condition-compiler';
import type { HandlerCatalog, HandlerPolicy } from './handler-declaration';
import { isKind, kindProblems, withKinds } from './kind-rules';
import type { FormedStep } from './child-form';
import type { Json, JsonLimits, JsonObject } from './json';
import { isValidName, NAME_RULE, quoted } from './names';
import { PLAN_FORMAT, UNDOS_AT_ONCE, type OperationPolicy, type Plan, type PlanStep } from './plan';
import { cycleProblems } from './plan-graph';
import { InputCompiler, type StepInput } from './plan-inputs';
import { MAX_STEPS, placeSteps, type PlacedStep } from './plan-shape';
import { retryPolicyOf, retryPolicyProblems } from './retry-policy';
import type { ChildSaga, StepList, PlainStep } from './step-spec';
import { didYouMean } from './suggestion';

export interface PlanDefaults {
  readonly action: OperationPolicy;
  readonly undo: OperationPolicy;
  readonly verify: OperationPolicy;
  readonly onStuck: 'halt' | 'continue';
  readonly undosAtOnce?: number;
  /** `warn`: a step whose handler nobody has yet is accepted and waits for a worker that has it. */
  readonly unknownKeys: 'refuse' | 'warn';
  readonly limits: JsonLimits;
}

export interface CompiledPlan {
  readonly plan: Plan;
  /** One a step, in the order of the plan. */
  readonly inputs: readonly StepInput[];
}

/**
 * Turns the steps a caller wrote into a plan that can run.
 *
 * @throws SagaPlanError naming every problem at once
 */
export function compilePlan(
  name: string,
  list: StepList,
  catalog: HandlerCatalog,
  defaults: PlanDefaults,
  onStuck?: 'halt' | 'continue',
  undosAtOnce?: number,
): CompiledPlan {
  const { compiled, problems } = new PlanCompiler(catalog, defaults).compile(name, list, onStuck, undosAtOnce);
  if (compiled === null || problems.length > 0) throw new SagaPlanError(name, problems);
  return compiled;
}

/** Sagas within sagas: further down, a saga most probably contains itself. */
const DEEPEST = 8;

interface Compiled {
  /** Null: what is no step cannot be looked at further. */
  readonly compiled: CompiledPlan | null;
  readonly problems: readonly string[];
}

/** Compiles a saga, and the sagas that its steps run. */
class PlanCompiler {
  private steps = 0;

  constructor(
    private readonly catalog: HandlerCatalog,
    private readonly defaults: PlanDefaults,
  ) {}

  compile(name: string, list: StepList, onStuck: 'halt' | 'continue' | undefined, undosAtOnce: number | undefined, depth = 0): Compiled {
    const shape: string[] = [];
    const problems = isValidName(name) ? [] : [`the saga's name ${quoted(name)} is not ${NAME_RULE}`];
    const placed = placeSteps(name, list, shape);
    problems.push(...shape);
    this.steps += placed.length;
    if (shape.length === 0 && this.steps > MAX_STEPS) problems.push(`with the sagas in it, it has more than ${MAX_STEPS} steps`);
    if (shape.length > 0 || this.steps > MAX_STEPS) return { compiled: null, problems };
    const children = placed.map(({ spec }) => this.child(spec, depth + 1, problems));
    const compiler = new StepCompiler(placesByName(placed, problems), this.catalog, this.defaults, problems);
    const unconditional = placed.map((step, place) => compiler.compile(step, children[place]?.plan));
    const cycles = cycleProblems(unconditional);
    problems.push(...cycles);
    const conditional = withConditions(unconditional, placed, compiler, problems);
    const specs = placed.map(({ spec }) => spec);
    const steps = cycles.length > 0 ? conditional : withKinds(conditional, specs, problems);
    const inputCompiler = new InputCompiler(steps, this.defaults.limits, problems);
    const inputs = placed.map(({ spec }, place) => withChild(inputCompiler.compile(spec, place), spec.child, children[place]?.inputs));
    return { compiled: { plan: { format: PLAN_FORMAT, name, ...this.undoing(onStuck, undosAtOnce), steps }, inputs }, problems };
  }

  /** What a plan says of its undos, where it differs from what is usual. */
  private undoing(
    onStuck: 'halt' | 'continue' = this.defaults.onStuck,
    undosAtOnce: number = this.defaults.undosAtOnce ?? UNDOS_AT_ONCE,
  ): Pick<Plan, 'onStuck' | 'undosAtOnce'> {
    return { ...(onStuck === 'continue' && { onStuck }), ...(undosAtOnce !== UNDOS_AT_ONCE && { undosAtOnce }) };
  }

  private child({ name, child }: FormedStep, depth: number, problems: string[]): CompiledPlan | null {
    if (child === undefined) return null;
    const refuse = (problem: string): unknown => problems.push(`step "${name}" > ${problem}`);
    if (depth > DEEPEST) {
      refuse(`saga "${child.name}" is more than ${DEEPEST} sagas deep; does one of them run itself?`);
      return null;
    }
    const { compiled, problems: found } = this.compile(child.name, child.steps, child.onStuck, child.undosAtOnce, depth);
    for (const problem of found) refuse(problem);
    return compiled;
  }
}

function withConditions(
  steps: readonly PlanStep[],
  placed: readonly PlacedStep[],
  compiler: StepCompiler,
  problems: string[],
): readonly PlanStep[] {
  const conditions = new ConditionCompiler(steps, problems);
  return steps.map((step, place): PlanStep => {
    const when = placed[place]?.spec.when;
    if (when === undefined) return step;
    if (typeof when === 'string') return { ...step, condition: compiler.conditionOf(step.name, when) };
    const condition = conditions.compile(when, place);
    return condition === null ? step : { ...step, when: condition };
  });
}

/** The inputs of another saga's steps travel with that of the step that runs it: so plans stay free of inputs. */
function withChild(own: StepInput, child: ChildSaga | undefined, inputs: readonly StepInput[] | undefined): StepInput {
  if (child === undefined || inputs === undefined) return own;
  const of = { steps: inputs as unknown as Json, deadlineMs: child.deadlineMs ?? null };
  return { ...own, input: { ...(own.input as JsonObject), ...of } };
}

function placesByName(placed: readonly PlacedStep[], problems: string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  placed.forEach(({ spec }, place) => {
    if (places.has(spec.name)) problems.push(`two steps are called "${spec.name}"`);
    else places.set(spec.name, place);
  });
  return places;
}

class StepCompiler {
  constructor(
    private readonly places: ReadonlyMap<string, number>,
    private readonly catalog: HandlerCatalog,
    private readonly defaults: PlanDefaults,
    private readonly problems: string[],
  ) {}

  compile({ spec, after }: PlacedStep, child: Plan | undefined): PlanStep {
    const compensation = this.compensationOf(spec);
    const dependsOn = this.dependenciesOf(spec, after);
    this.checkPolicy(spec);
    const { action, undo, verify } = this.defaults;
    const ofAction = this.handlerPolicy(spec, 'action', spec.action);
    const verifier = this.catalog.find('verify', spec.action);
    return {
      name: spec.name,
      action: spec.action,
      compensation,
      dependsOn,
      ...(isKind(spec.kind) && { kind: spec.kind }),
      ...((spec.compensateOnFailure ?? ofAction.compensateOnFailure) === true && { compensateOnFailure: true as const }),
      actionPolicy: mergePolicies(action, ofAction, spec),
      undoPolicy: mergePolicies(undo, compensation === null ? {} : this.handlerPolicy(spec, 'undo', compensation), {}),
      ...(child !== undefined && { child }),
      ...(verifier !== undefined && { verifyPolicy: mergePolicies(verify, verifier.policy, {}) }),
    };
  }

  conditionOf(step: string, key: string): string {
    if (!isValidName(key)) this.refuse({ name: step }, `its condition ${quoted(key)} is not ${NAME_RULE}`);
    else if (this.catalog.find('condition', key) === undefined && this.defaults.unknownKeys === 'refuse') {
      const problem = `no process has a condition ${quoted(key)}: add @SagaCondition(${quoted(key)}) to a method of a provider`;
      this.refuse({ name: step }, `${problem}${didYouMean(key, this.catalog.keys('condition'))}`);
    }
    return key;
  }

  private compensationOf(spec: PlainStep): string | null {
    if (spec.compensation !== undefined) return spec.compensation;
    // What cannot be taken back, or does not give up, has no undo by accident.
    if (spec.kind === 'pivot' || spec.kind === 'retriable') return null;
    const [only, ...others] = this.catalog.undosOf(spec.action);
    if (others.length > 0) this.refuse(spec, `${others.length + 1} compensations are declared for "${spec.action}"; name one`);
    return only ?? null;
  }

  private dependenciesOf(spec: PlainStep, after: readonly string[]): readonly number[] {
    const dependsOn: number[] = [];
    for (const other of spec.dependsOn === undefined ? after : new Set(spec.dependsOn)) {
      const place = this.places.get(other);
      if (place !== undefined) dependsOn.push(place);
      else this.refuse(spec, `depends on ${quoted(other)}, which is not a step of this saga${didYouMean(other, [...this.places.keys()])}`);
    }
    return dependsOn.sort((a, b) => a - b);
  }

  private handlerPolicy(spec: PlainStep, direction: 'action' | 'undo', key: string): HandlerPolicy {
    const declaration = this.catalog.find(direction, key);
    if (declaration === undefined && this.defaults.unknownKeys === 'refuse') {
      const what = direction === 'action' ? `action "${key}": add @SagaStep('${key}')` : `compensation "${key}": add @Compensate('${key}')`;
      this.refuse(spec, `no process has a handler for ${what} to a provider${didYouMean(key, this.catalog.keys(direction))}`);
    }
    return declaration?.policy ?? {};
  }

  private checkPolicy(spec: PlainStep): void {
    const problems = spec.retry === undefined ? [] : retryPolicyProblems(spec.retry);
    if (spec.timeoutMs !== undefined && !(Number.isFinite(spec.timeoutMs) && spec.timeoutMs > 0))
      problems.push('timeoutMs must be a number above 0');
    if (spec.compensateOnFailure !== undefined && typeof spec.compensateOnFailure !== 'boolean')
      problems.push('compensateOnFailure must be true or false');
    if (spec.onThrow !== undefined && !['failed', 'unknown'].includes(spec.onThrow)) problems.push("onThrow must be 'failed' or 'unknown'");
    for (const problem of [...problems, ...kindProblems(spec)]) this.refuse(spec, problem);
  }

  private refuse(spec: Pick<PlainStep, 'name'>, problem: string): void {
    this.problems.push(`step "${spec.name}": ${problem}`);
  }
}

/** The step's own word, then its handler's, then the module's. */
function mergePolicies(
  defaults: OperationPolicy,
  handler: HandlerPolicy,
  step: Pick<PlainStep, 'timeoutMs' | 'retry' | 'onThrow'>,
): OperationPolicy {
  const { transactional, isolation } = handler;
  const onThrow = step.onThrow ?? handler.onThrow ?? defaults.onThrow;
  return {
    timeoutMs: step.timeoutMs ?? handler.timeoutMs ?? defaults.timeoutMs,
    retry: step.retry ? retryPolicyOf(step.retry) : (handler.retry ?? defaults.retry),
    losses: defaults.losses,
    ...(transactional === true && { transactional }),
    ...(isolation !== undefined && { isolation }),
    ...(onThrow === 'unknown' && transactional !== true && { onThrow }),
  };
}
