import type { Operation } from '../../core/operation';
import { isSettled } from '../../core/operation';
import type { PlanStep } from '../../core/plan';
import { isTerminal } from '../../core/saga-value';
import type { HandlerName, MissingHandler } from '../../ports/saga-store';
import type { SagaRecord } from './saga-record';

/** Handlers that sagas may still need and nobody offers, with how many sagas do. */
export function missingInRecords(records: readonly SagaRecord[], offered: readonly HandlerName[]): readonly MissingHandler[] {
  const missing = new Map<string, MissingHandler>();
  for (const record of records) {
    const needed = new Map(neededBy(record).map(({ kind, key }) => [`${kind} ${key}`, { kind, key }]));
    for (const { kind, key } of offered) needed.delete(`${kind} ${key}`);
    for (const [name, one] of needed) missing.set(name, { ...one, sagas: (missing.get(name)?.sagas ?? 0) + 1 });
  }
  return [...missing].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/** What a saga may still need. */
function neededBy({ plan, saga }: SagaRecord): readonly HandlerName[] {
  if (isTerminal(saga.state)) return [];
  const operations = [...saga.operations.values()];
  return plan.steps.flatMap((step, place) => {
    const action = operations.find((one) => one.direction === 'action' && one.step === place);
    const undos = operations.filter((one) => one.direction === 'undo' && one.step === place);
    return action === undefined ? [] : namedBy(step, false).filter((name) => isNeeded(name, saga, action, undos));
  });
}

interface Named extends HandlerName {
  readonly isChild: boolean;
}

/** The steps of a child saga stand for the step that runs it. */
function namedBy(step: PlanStep, isChild: boolean): readonly Named[] {
  const { action, compensation, condition, verifyPolicy, child } = step;
  return [
    { kind: 'action', key: action, isChild },
    ...(compensation === null ? [] : [{ kind: 'undo', key: compensation, isChild } as const]),
    ...(condition === undefined ? [] : [{ kind: 'condition', key: condition, isChild } as const]),
    ...(verifyPolicy === undefined ? [] : [{ kind: 'verify', key: action, isChild } as const]),
    ...(child?.steps ?? []).flatMap((inner) => namedBy(inner, true)),
  ];
}

function isNeeded({ kind, isChild }: Named, saga: SagaRecord['saga'], action: Operation, undos: readonly Operation[]): boolean {
  const isForward = saga.state === 'started';
  switch (kind) {
    case 'action':
      return isForward && !isSettled(action) && !action.verifying;
    case 'condition':
      return isForward && !isSettled(action) && (isChild || action.condition !== null);
    case 'verify':
      return !isSettled(action) && (isForward || action.verifying);
    case 'undo': {
      const mayTurn = (isForward || saga.openActions > 0) && !saga.pastPivot && action.state !== 'skipped';
      return mayTurn || undos.some(({ state }) => state !== 'completed' && state !== 'skipped');
    }
  }
}
