import type { SagaEffect } from './effect';
import { entryOfStart, startSaga } from './forward';
import type { Json } from './json';
import { newOperation, type Operation } from './operation';
import type { Plan } from './plan';
import { actionsOf, withOperations, type SagaParent, type SagaValue, type TurnCause } from './saga-value';
import { beginUndo } from './undoing';

/** A saga at its start, and what that asks for. */
export interface BegunSaga {
  readonly saga: SagaValue;
  readonly effects: readonly SagaEffect[];
}

/**
 * The saga that undoes what another has done. That one has ended, and a terminal state never changes; so this one begins where it
 * would be if it had turned back instead: every action settled as it was, with its output, and the first undo due.
 *
 * @param done the saga that has ended, whole
 * @param outputs of its actions, by place
 * @returns null when there is nothing to undo
 */
export function linkedUndo(
  plan: Plan,
  done: SagaValue,
  outputs: readonly Json[],
  id: string,
  parent: SagaParent,
  cause: TurnCause,
): BegunSaga | null {
  const actions = actionsOf(done).map((action) => settledCopy(action, outputs[action.step] ?? null));
  const { saga } = startSaga(plan, id, parent);
  const turned: SagaValue = { ...withOperations(saga, actions), state: 'compensating', openActions: 0, cause };
  const begun = beginUndo(plan, turned);
  if (begun.kind === 'need' || begun.saga.state !== 'compensating') return null;
  return { saga: begun.saga, effects: [...begun.effects, entryOfStart(begun.saga.state)] };
}

/** Nobody works on it here: it has no claim, and so nobody can come late to it. */
function settledCopy({ step, direction, round, state, order, hadUnknown, error }: Operation, output: Json): Operation {
  const settled = newOperation({ step, direction, round }, { state, order, hadUnknown, error });
  return state === 'completed' ? { ...settled, output } : settled;
}

/** A saga that will never begin: it holds the place of one that somebody may still want to start, but need not any more. */
export function neverBegun(plan: Plan, id: string, parent: SagaParent, cause: TurnCause): BegunSaga {
  const { saga } = startSaga(plan, id, parent);
  const skipped = actionsOf(saga).map((action): Operation => ({ ...action, state: 'skipped', waits: 0 }));
  return { saga: { ...withOperations(saga, skipped), state: 'failed', openActions: 0, cause }, effects: [entryOfStart('failed')] };
}
