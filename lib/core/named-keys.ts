import { isRecord } from './known-fields';

export interface NamedKeys {
  readonly actions: readonly string[];
  readonly undos: readonly string[];
  readonly conditions: readonly string[];
}

/** No further than a plan may reach: an array can claim a length of four thousand million, and a saga may contain itself. */
const MOST_LOOKED_AT = 10_000;
const DEEPEST = 10;

/** The handlers that a list of steps names, those of the sagas in it included. What is no step is passed over: somebody else refuses it. */
export function namedKeys(list: unknown): NamedKeys {
  const actions = new Set<string>();
  const undos = new Set<string>();
  const conditions = new Set<string>();
  let looks = 0;
  const look = (element: unknown, depth: number): void => {
    if (++looks > MOST_LOOKED_AT || depth > DEEPEST) return;
    if (Array.isArray(element)) {
      for (const one of element.slice(0, MOST_LOOKED_AT) as unknown[]) look(one, depth);
      return;
    }
    if (!isRecord(element)) return;
    const { action, compensation, when, saga, map } = element;
    if (typeof action === 'string') actions.add(action);
    if (typeof compensation === 'string') undos.add(compensation);
    if (typeof when === 'string') conditions.add(when);
    if (isRecord(saga)) look(saga['steps'], depth + 1);
    if (isRecord(map)) look({ action: map['action'], compensation: map['compensation'] }, depth + 1);
  };
  if (Array.isArray(list)) look(list, 0);
  return { actions: [...actions], undos: [...undos], conditions: [...conditions] };
}
