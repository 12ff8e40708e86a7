import { SagaInputError, SagaPlanError } from '../errors';
import type { HandlerCatalog, HandlerPolicy } from './handler-declaration';
import type { Json, JsonLimits } from './json';
import { isValidName, NAME_RULE, quoted } from './names';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from './plan';
import { takeReferences, type FoundReference, type StoredReference } from './reference';
import { retryPolicyOf, retryPolicyProblems, type RetryOptions } from './retry-policy';
import type { StepList, StepSpec } from './step-spec';
import { didYouMean } from './suggestion';

export interface PlanDefaults {
  readonly action: OperationPolicy;
  readonly undo: OperationPolicy;
  /** `warn`: a step whose handler nobody has yet is accepted and waits for a worker that has it. */
  readonly unknownKeys: 'refuse' | 'warn';
  readonly limits: JsonLimits;
}

export interface StepInput {
  readonly input: Json;
  readonly references: readonly StoredReference[];
}

export interface CompiledPlan {
  readonly plan: Plan;
  /** One a step, in the order of the plan. */
  readonly inputs: readonly StepInput[];
}

const MAX_STEPS = 10_000;

/**
 * Turns the steps a caller wrote into a plan that can run.
 *
 * @throws SagaPlanError naming every problem at once
 */
export function compilePlan(name: string, list: StepList, catalog: HandlerCatalog, defaults: PlanDefaults): CompiledPlan {
  const problems: string[] = [];
  if (!isValidName(name)) problems.push(`the saga's name ${quoted(name)} is not ${NAME_RULE}`);
  const before = problems.length;
  const placed = placeSteps(list, problems);
  if (problems.length > before) throw new SagaPlanError(name, problems);
  const places = placesByName(placed, problems);
  const steps = placed.map((step) => compileStep(step, places, catalog, defaults, problems));
  problems.push(...cycleProblems(steps));
  const inputs = placed.map((step, place) => compileInput(step.spec, place, places, steps, defaults.limits, problems));
  if (problems.length > 0) throw new SagaPlanError(name, problems);
  return { plan: { format: PLAN_FORMAT, name, steps }, inputs };
}

interface PlacedStep {
  readonly spec: StepSpec;
  /** Names of the list element before it. */
  readonly after: readonly string[];
}

function placeSteps(list: StepList, problems: string[]): readonly PlacedStep[] {
  if (!Array.isArray(list) || list.length === 0) {
    problems.push('it has no steps; pass an array of { name, action, … }');
    return [];
  }
  const placed: PlacedStep[] = [];
  let after: readonly string[] = [];
  (list as readonly unknown[]).forEach((element, place) => {
    const group: readonly unknown[] = Array.isArray(element) ? element : [element];
    if (group.length === 0) problems.push(`element ${place} is an empty group`);
    const specs = group.filter((spec): spec is StepSpec => isStep(spec, place, problems));
    placed.push(...specs.map((spec) => ({ spec, after })));
    after = specs.map((spec) => spec.name);
  });
  if (placed.length > MAX_STEPS) problems.push(`${placed.length} steps are more than ${MAX_STEPS}`);
  return placed;
}

const STEP_FIELDS: readonly string[] = ['name', 'action', 'compensation', 'input', 'dependsOn', 'timeoutMs', 'retry'];

function isStep(spec: unknown, place: number, problems: string[]): spec is StepSpec {
  if (Array.isArray(spec)) {
    problems.push(`element ${place} has a group inside a group; say with dependsOn what waits for what`);
    return false;
  }
  if (typeof spec !== 'object' || spec === null) {
    problems.push(`element ${place} is ${quoted(spec)}, not a step { name, action, … }`);
    return false;
  }
  const { name, action, compensation, dependsOn } = spec as Partial<Record<keyof StepSpec, unknown>>;
  const where = typeof name === 'string' ? `step ${quoted(name)}` : `element ${place}`;
  const before = problems.length;
  if (!isValidName(name)) problems.push(`${where}: the name ${quoted(name)} is not ${NAME_RULE}`);
  if (!isValidName(action)) problems.push(`${where}: the action ${quoted(action)} is not ${NAME_RULE}`);
  if (compensation != null && !isValidName(compensation))
    problems.push(`${where}: the compensation ${quoted(compensation)} is not ${NAME_RULE}`);
  if (dependsOn !== undefined && !(Array.isArray(dependsOn) && dependsOn.every((other) => typeof other === 'string'))) {
    problems.push(`${where}: dependsOn must be an array of step names`);
  }
  for (const field of Object.keys(spec)) {
    if (!STEP_FIELDS.includes(field)) problems.push(`${where}: unknown field ${quoted(field)}${didYouMean(field, STEP_FIELDS)}`);
  }
  return problems.length === before;
}

function placesByName(placed: readonly PlacedStep[], problems: string[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  placed.forEach(({ spec }, place) => {
    if (places.has(spec.name)) problems.push(`two steps are called "${spec.name}"`);
    else places.set(spec.name, place);
  });
  return places;
}

function compileStep(
  placed: PlacedStep,
  places: ReadonlyMap<string, number>,
  catalog: HandlerCatalog,
  defaults: PlanDefaults,
  problems: string[],
): PlanStep {
  const { spec } = placed;
  const compensation = compensationOf(spec, catalog, problems);
  const known = (direction: 'action' | 'undo', key: string): HandlerPolicy => {
    const declaration = catalog.find(direction, key);
    if (declaration === undefined && defaults.unknownKeys === 'refuse') {
      const kind = direction === 'action' ? `action "${key}": add @SagaStep('${key}')` : `compensation "${key}": add @Compensate('${key}')`;
      problems.push(`step "${spec.name}": no process has a handler for ${kind} to a provider${didYouMean(key, catalog.keys(direction))}`);
    }
    return declaration?.policy ?? {};
  };
  const dependsOn: number[] = [];
  for (const other of new Set(spec.dependsOn ?? placed.after)) {
    const place = places.get(other);
    if (place === undefined)
      problems.push(
        `step "${spec.name}": depends on ${quoted(other)}, which is not a step of this saga${didYouMean(other, [...places.keys()])}`,
      );
    else dependsOn.push(place);
  }
  problems.push(...policyProblems(spec));
  return {
    name: spec.name,
    action: spec.action,
    compensation,
    dependsOn: dependsOn.sort((a, b) => a - b),
    actionPolicy: policy(defaults.action, known('action', spec.action), spec),
    undoPolicy: policy(defaults.undo, compensation === null ? {} : known('undo', compensation), {}),
  };
}

function compensationOf(spec: StepSpec, catalog: HandlerCatalog, problems: string[]): string | null {
  if (spec.compensation !== undefined) return spec.compensation;
  const [only, ...others] = catalog.undosOf(spec.action);
  if (others.length > 0)
    problems.push(`step "${spec.name}": ${others.length + 1} compensations are declared for "${spec.action}"; name one`);
  return only ?? null;
}

function policy(
  defaults: OperationPolicy,
  handler: HandlerPolicy,
  spec: { readonly timeoutMs?: number; readonly retry?: RetryOptions },
): OperationPolicy {
  return {
    timeoutMs: spec.timeoutMs ?? handler.timeoutMs ?? defaults.timeoutMs,
    retry: spec.retry ? retryPolicyOf(spec.retry) : (handler.retry ?? defaults.retry),
    losses: defaults.losses,
  };
}

function policyProblems(spec: { readonly name: string; readonly timeoutMs?: number; readonly retry?: RetryOptions }): readonly string[] {
  const problems = spec.retry === undefined ? [] : retryPolicyProblems(spec.retry);
  if (spec.timeoutMs !== undefined && !(Number.isFinite(spec.timeoutMs) && spec.timeoutMs > 0))
    problems.push('timeoutMs must be a number above 0');
  return problems.map((problem) => `step "${spec.name}": ${problem}`);
}

/** Steps that can never start, because they wait for each other. */
function cycleProblems(steps: readonly PlanStep[]): readonly string[] {
  const ready = new Set<number>();
  for (let found = true; found;) {
    found = false;
    steps.forEach((step, place) => {
      if (ready.has(place) || !step.dependsOn.every((other) => ready.has(other))) return;
      ready.add(place);
      found = true;
    });
  }
  const waiting = steps.filter((_, place) => !ready.has(place)).map((step) => `"${step.name}"`);
  return waiting.length === 0 ? [] : [`these steps wait for each other: ${waiting.join(', ')}`];
}

function compileInput(
  spec: StepSpec,
  place: number,
  places: ReadonlyMap<string, number>,
  steps: readonly PlanStep[],
  limits: JsonLimits,
  problems: string[],
): StepInput {
  try {
    const { data, found } = takeReferences(spec.input ?? null, `input of step "${spec.name}"`, limits);
    return { input: data, references: found.map((reference) => compileReference(reference, spec.name, place, places, steps, problems)) };
  } catch (error) {
    if (!(error instanceof SagaInputError)) throw error;
    problems.push(error.message);
    return { input: null, references: [] };
  }
}

function compileReference(
  found: FoundReference,
  name: string,
  place: number,
  places: ReadonlyMap<string, number>,
  steps: readonly PlanStep[],
  problems: string[],
): StoredReference {
  const { source, path } = found.reference;
  const stored = { at: found.at, path };
  if (!path.every((key) => typeof key === 'string' && key.isWellFormed() && !key.includes('\u0000')))
    problems.push(`step "${name}": the path of a reference must be made of texts that PostgreSQL can store`);
  if (source.kind === 'context') return { ...stored, step: null };
  const step = places.get(source.step);
  if (step === undefined) {
    problems.push(
      `step "${name}": refers to the output of ${quoted(source.step)}, which is not a step of this saga${didYouMean(source.step, [...places.keys()])}`,
    );
  } else if (!ancestorsOf(steps, place).has(step)) {
    problems.push(`step "${name}": refers to the output of "${source.step}", which may not have settled by then; put it in dependsOn`);
  }
  return { ...stored, step: step ?? null };
}

function ancestorsOf(steps: readonly PlanStep[], place: number): ReadonlySet<number> {
  const ancestors = new Set<number>();
  const queue = [...(steps[place]?.dependsOn ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (ancestors.has(next)) continue;
    ancestors.add(next);
    queue.push(...(steps[next]?.dependsOn ?? []));
  }
  return ancestors;
}
