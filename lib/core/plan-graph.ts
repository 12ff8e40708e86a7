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

/** Everything that starts only when the step at `place` has settled. */
export function descendantsOf(steps: readonly PlanStep[], place: number): ReadonlySet<number> {
  const dependents = new Map<number, number[]>();
  steps.forEach(({ dependsOn }, at) => {
    for (const other of dependsOn) {
      const known = dependents.get(other);
      if (known === undefined) dependents.set(other, [at]);
      else known.push(at);
    }
  });
  const descendants = new Set<number>();
  const queue = [...(dependents.get(place) ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (descendants.has(next)) continue;
    descendants.add(next);
    queue.push(...(dependents.get(next) ?? []));
  }
  return descendants;
}

/** Everything that has settled when the step at `place` starts. */
export function ancestorsOf(steps: readonly Pick<PlanStep, 'dependsOn'>[], place: number): ReadonlySet<number> {
  return ancestorsOfAll(steps, [place]);
}

/** Everything that one of these steps was built on. */
export function ancestorsOfAll(steps: readonly Pick<PlanStep, 'dependsOn'>[], places: readonly number[]): ReadonlySet<number> {
  const ancestors = new Set<number>();
  const queue = [...places];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const other of steps[next]?.dependsOn ?? []) {
      if (ancestors.has(other)) continue;
      ancestors.add(other);
      queue.push(other);
    }
  }
  return ancestors;
}
