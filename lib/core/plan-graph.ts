import type { PlanStep } from './plan';

/** Steps that can never start, because they wait for each other. */
export function cycleProblems(steps: readonly PlanStep[]): readonly string[] {
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

/** Everything that has settled when the step at `place` starts. */
export function ancestorsOf(steps: readonly Pick<PlanStep, 'dependsOn'>[], place: number): ReadonlySet<number> {
  const ancestors = new Set<number>();
  const queue = [...(steps[place]?.dependsOn ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (ancestors.has(next)) continue;
    ancestors.add(next);
    queue.push(...(steps[next]?.dependsOn ?? []));
  }
  return ancestors;
}
