import type { HandlerCatalog } from '../core/handler-declaration';
import { OWN_PREFIX } from '../core/own-actions';
import type { PlainStep } from '../core/step-spec';

/** What undoes a step, as the compiler would find it; null when nothing does. */
export function undoOf({ action, compensation }: PlainStep, catalog: HandlerCatalog): string | null {
  const key = compensation === undefined ? (catalog.undosOf(action)[0] ?? null) : compensation;
  return key !== null && key.startsWith(OWN_PREFIX) ? `what ${key.slice(OWN_PREFIX.length)} has done` : key;
}
