import type { FormedStep } from './child-form';
import { nameProblem, quoted } from './names';
import { formOf, plainStep } from './step-forms';
import type { PlainStep, StepList, StepSpec } from './step-spec';
import { didYouMean } from './suggestion';

export const MAX_STEPS = 10_000;

export interface PlacedStep {
  readonly spec: FormedStep;
  /** Names of the list element before it. */
  readonly after: readonly string[];
}

/** Checks that every element has the form of a step, and flattens the groups; what has not is named in `problems`. */
export function placeSteps(saga: string, list: StepList, problems: string[]): readonly PlacedStep[] {
  if (!Array.isArray(list) || list.length === 0) {
    problems.push('it has no steps; pass an array of { name, action, … }');
    return [];
  }
  if (list.length > MAX_STEPS) {
    problems.push(`${list.length} steps are more than ${MAX_STEPS}`);
    return [];
  }
  const placed: PlacedStep[] = [];
  let after: readonly string[] = [];
  // Loops, here and below: forEach and filter pass over the holes of an array, and a plan of holes would have no steps.
  for (const [place, element] of (list as readonly unknown[]).entries()) {
    const group: readonly unknown[] = Array.isArray(element) ? element.slice(0, MAX_STEPS + 1) : [element];
    if (group.length === 0) problems.push(`element ${place} is an empty group`);
    const names: string[] = [];
    for (const spec of group) {
      if (!isStep(spec, place, problems)) continue;
      const refuse = (problem: string): unknown => problems.push(`step "${spec.name}": ${problem}`);
      placed.push({ spec: plainStep(spec, refuse, saga), after });
      names.push(spec.name);
    }
    after = names;
  }
  if (placed.length > MAX_STEPS) problems.push(`${placed.length} steps are more than ${MAX_STEPS}`);
  return placed;
}

const STEP_FIELDS: readonly string[] = [
  'name',
  'action',
  'compensation',
  'input',
  'dependsOn',
  'when',
  'timeoutMs',
  'retry',
  'compensateOnFailure',
  'onThrow',
  'kind',
];

function isStep(spec: unknown, place: number, problems: string[]): spec is StepSpec {
  if (Array.isArray(spec)) {
    problems.push(`element ${place} has a group inside a group; say with dependsOn what waits for what`);
    return false;
  }
  if (typeof spec !== 'object' || spec === null) {
    problems.push(`element ${place} is ${quoted(spec)}, not a step { name, action, … }`);
    return false;
  }
  const { name, action, compensation, dependsOn } = spec as Partial<Record<keyof PlainStep, unknown>>;
  const form = formOf(spec);
  const where = (): string => (typeof name === 'string' ? `step ${quoted(name)}` : `element ${place}`);
  const before = problems.length;
  const names = [nameProblem('the name', name), form === null ? nameProblem('the action', action) : null];
  if (compensation != null) names.push(nameProblem('the compensation', compensation));
  for (const problem of names) if (problem !== null) problems.push(`${where()}: ${problem}`);
  if (dependsOn !== undefined && !(Array.isArray(dependsOn) && dependsOn.every((other) => typeof other === 'string'))) {
    problems.push(`${where()}: dependsOn must be an array of step names`);
  }
  const fields = form === null ? STEP_FIELDS : form.fields;
  for (const field of Object.keys(spec)) {
    if (!fields.includes(field)) problems.push(`${where()}: unknown field ${quoted(field)}${didYouMean(field, fields)}`);
  }
  return problems.length === before;
}
