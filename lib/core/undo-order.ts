import type { Operation } from './operation';
import type { Plan } from './plan';

/**
 * The actions that need an undo, in the order in which they are undone: the last one started comes first. A step starts only
 * after everything it depends on has settled, so this order never undoes a step before those that were built on it.
 */
export function undoOrder(plan: Plan, actions: readonly Operation[]): readonly Operation[] {
  return actions
    .filter((action) => action.state === 'completed' || action.state === 'unknown')
    .filter((action) => plan.steps[action.step]?.compensation != null)
    .sort((a, b) => b.order - a.order);
}
