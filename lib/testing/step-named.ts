import { MAP } from '../core/own-actions';
import type { Plan, PlanStep } from '../core/plan';

const ITEM = /_\d{4,}$/;

/** A step of a plan or of a saga that one of its steps runs. The items of a map have the name of its one step, and a number. */
export function stepNamed(plan: Plan, name: string): PlanStep | undefined {
  const own = plan.steps.find((step) => step.name === name);
  if (own !== undefined) return own;
  for (const { action, child } of plan.steps) {
    const found = child === undefined ? undefined : stepNamed(child, action === MAP ? name.replace(ITEM, '') : name);
    if (found !== undefined) return found;
  }
  return undefined;
}
