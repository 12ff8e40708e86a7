import type { HandlerCatalog } from './handler-declaration';
import type { JsonLimits } from './json';
import type { PlacedStep } from './plan-shape';
import type { PlainStep } from './step-spec';

/** A plan as the rules of the linter see it: what people wrote, and what is known of the handlers. */
export interface LintView {
  readonly steps: readonly PlainStep[];
  readonly graph: StepGraph;
  readonly catalog: HandlerCatalog;
  readonly limits: JsonLimits;
  readonly maxSteps: number;
}

/** Names of steps, and which of them wait for which. Names that are no steps are left out. */
export interface StepGraph {
  /** What a step waits for itself. */
  readonly parents: ReadonlyMap<string, readonly string[]>;
  /** Everything that has settled when a step begins. */
  ancestorsOf(name: string): ReadonlySet<string>;
}

export function graphOf(placed: readonly PlacedStep[]): StepGraph {
  const names = new Set(placed.map(({ spec }) => spec.name));
  const parents = new Map(placed.map(({ spec, after }) => [spec.name, (spec.dependsOn ?? after).filter((name) => names.has(name))]));
  const known = new Map<string, ReadonlySet<string>>();
  const ancestorsOf = (name: string): ReadonlySet<string> => {
    const before = known.get(name) ?? closureOf(name, parents);
    known.set(name, before);
    return before;
  };
  return { parents, ancestorsOf };
}

function closureOf(name: string, parents: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const queue = [...(parents.get(name) ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    queue.push(...(parents.get(next) ?? []));
  }
  return found;
}
