import { quoted } from '../core/names';
import { CHILD, MAP, OWN_PREFIX } from '../core/own-actions';
import type { Plan, PlanStep } from '../core/plan';
import { didYouMean } from '../core/suggestion';

/** The steps of a saga, and of those that it starts, by the names by which a test can say what goes wrong with them. */
export class PlannedSteps {
  private readonly steps = new Map<string, PlanStep[]>();

  constructor(plan: Plan) {
    this.add(plan, false);
  }

  /** What keeps it from ever going wrong, or null. @param others names of steps that other sagas have */
  problem(direction: 'action' | 'undo', name: string, others: readonly string[]): string | null {
    if (others.includes(name)) return null;
    const found = this.find(name);
    if (found.length === 0) return `has no step ${quoted(name)}${didYouMean(name, [...this.steps.keys(), ...others])}`;
    const [first] = found.filter(({ action }) => action.startsWith(OWN_PREFIX));
    if (first !== undefined && found.every(({ action }) => action.startsWith(OWN_PREFIX)))
      return `has no handler for its step ${quoted(name)}${remedyFor(first)}`;
    if (direction === 'undo' && found.every(({ compensation }) => compensation === null))
      return `has no compensation for its step ${quoted(name)}`;
    return null;
  }

  /** It is tried until it completes. */
  isRetriable(name: string): boolean {
    return this.find(name).some(({ kind }) => kind === 'retriable');
  }

  /** It is tried again when it fails. */
  isRetried(name: string): boolean {
    return this.find(name).some(({ actionPolicy }) => (actionPolicy.retry?.attempts ?? 1) > 1);
  }

  private find(name: string): readonly PlanStep[] {
    return this.steps.get(name) ?? this.steps.get(name.replace(ITEM, ANY_ITEM)) ?? [];
  }

  private add({ steps }: Plan, areItems: boolean): void {
    for (const step of steps) {
      const name = areItems ? `${step.name}${ANY_ITEM}` : step.name;
      this.steps.set(name, [...(this.steps.get(name) ?? []), step]);
      if (step.child !== undefined) this.add(step.child, step.action === MAP);
    }
  }
}

/** Items of a map are known only when it runs: \`item_0001\`, \`item_0002\` … */
const ITEM = /_\d{4,}$/;
const ANY_ITEM = '_0001';

function remedyFor({ action, child }: PlanStep): string {
  if (action === MAP) return `: name one of its items, like '${child?.steps[0]?.name}${ANY_ITEM}'`;
  return action === CHILD ? `: name a step of the saga that it runs${child === undefined ? '' : `, like '${child.steps[0]?.name}'`}` : '';
}
