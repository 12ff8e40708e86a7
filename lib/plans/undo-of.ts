import type { FormedStep } from '../core/child-form';
import type { HandlerCatalog } from '../core/handler-declaration';
import { OWN_PREFIX } from '../core/own-actions';
import { placeSteps } from '../core/plan-shape';
import type { ChildSaga } from '../core/step-spec';

/** What undoes a step, as the compiler would find it; null when nothing does. */
export function undoOf({ action, compensation, child }: FormedStep, catalog: HandlerCatalog): string | null {
  const key = compensation === undefined ? (catalog.undosOf(action)[0] ?? null) : compensation;
  if (key === null || !key.startsWith(OWN_PREFIX)) return key;
  return child === undefined ? `what ${key.slice(OWN_PREFIX.length)} has done` : undosIn(child, catalog);
}

/** What a step does: its action, or the steps of the saga that it runs. */
export function actionOf({ action, child }: FormedStep): string {
  const spoken = action.startsWith(OWN_PREFIX) ? action.slice(OWN_PREFIX.length) : action;
  if (child === undefined) return spoken;
  // Each item of a map is one step of a saga that has no name of its own.
  const [only] = stepsOf(child);
  if (spoken === 'map') return `${only?.action ?? ''} for each item`;
  const names = stepsOf(child).map(({ name }) => name);
  return `saga ${child.name}: ${names.join(', ')}`;
}

/** Undos of the steps of a saga, those of its last ones first. */
function undosIn(child: ChildSaga, catalog: HandlerCatalog): string {
  const undos = stepsOf(child).flatMap((step) => undoOf(step, catalog) ?? []);
  return undos.length === 0 ? `nothing in ${child.name}` : `${[...undos].reverse().join(', ')} in ${child.name}`;
}

function stepsOf({ name, steps }: ChildSaga): readonly FormedStep[] {
  return placeSteps(name, steps, []).map(({ spec }) => spec);
}
