import type { Plan, PlanStep } from './plan';

/**
 * The plan of a map whose list is known: its one step, once for each item. An item waits for the one `limit` places before it, so that
 * as many lanes as that go through the list beside each other.
 */
export function planOfMap(template: Plan, items: number, limit: number): Plan {
  const [item] = template.steps;
  if (item === undefined) throw new TypeError(`the map "${template.name}" has no step`);
  const digits = Math.max(4, String(items).length);
  const steps = Array.from({ length: items }, (_, place): PlanStep => {
    const name = `${item.name}_${String(place + 1).padStart(digits, '0')}`;
    return { ...item, name, dependsOn: place < limit ? [] : [place - limit] };
  });
  return { ...template, steps };
}
