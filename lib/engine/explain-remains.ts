import { keyOf } from '../core/draft';
import { leftUndone } from '../core/left-undone';
import { attemptsOf, type Operation } from '../core/operation';
import { isTerminal } from '../core/saga-value';
import { undoInQuestion } from '../core/undo-order';
import type { InspectedSaga, StoredSaga } from '../ports/stored-saga';
import { listed } from './listed';

/** Effects that nobody is about to undo. */
export interface Remains {
  /** One for each; a sentence without its full stop. */
  readonly parts: readonly { readonly where: string }[];
  readonly summary: readonly string[];
}

export function remainsOf({ stored }: InspectedSaga): Remains {
  if (stored.saga.state === 'stuck') return behindTheGivenUp(stored);
  return isTerminal(stored.saga.state) && stored.saga.cause?.kind === 'terminated' ? leftByAPerson(stored) : { parts: [], summary: [] };
}

function behindTheGivenUp({ plan, saga }: StoredSaga): Remains {
  const waiting = [...saga.operations.values()].filter(({ direction, state }) => direction === 'undo' && state === 'pending');
  waiting.sort((a, b) => a.order - b.order);
  const names = [...new Set(waiting.map(({ step }) => `"${plan.steps[step]?.name ?? step}"`))];
  if (names.length === 0) return { parts: [], summary: [] };
  const [undos, wait, have] = names.length === 1 ? ['undo', 'waits', 'has'] : ['undos', 'wait', 'have'];
  return {
    parts: names.map((name) => ({ where: `the undo of step ${name} waits behind what was given up and has not been done` })),
    summary: [`The ${undos} of ${listed(names)} ${wait} behind it and ${have} not been done.`],
  };
}

function leftByAPerson({ plan, saga }: StoredSaga): Remains {
  const left = leftUndone(plan, saga).map((action) => ({ action, undo: undoInQuestion(saga, action.step) }));
  if (left.length === 0) return { parts: [], summary: [] };
  const nameOf = (action: Operation): string => `"${plan.steps[action.step]?.name ?? action.step}"`;
  return {
    parts: left.map(({ action, undo }) => {
      const key = keyOf(plan, { step: action.step, direction: 'undo', round: 1 });
      return { where: `step ${nameOf(action)} ${effectOf(action)}, and ${undoOf(undo, `its undo "${key}"`)}` };
    }),
    summary: [
      `Not undone: ${listed(left.map(({ action }) => `${nameOf(action)}${action.state === 'completed' ? '' : ' (if it took effect)'}`))}.`,
    ],
  };
}

function effectOf({ state }: Operation): string {
  if (state === 'completed') return 'took effect';
  return state === 'failed' ? 'failed and may have left something behind' : 'may have taken effect';
}

function undoOf(undo: Operation | undefined, its: string): string {
  if (undo === undefined || undo.claims === 0) return `${its} was never begun`;
  if (undo.state === 'unknown') return `nobody knows whether ${its} did`;
  const error = undo.error === null ? '' : `: ${undo.error.code}, ${undo.error.message}`;
  const attempts = attemptsOf(undo);
  return `${its} did not succeed in ${attempts === 1 ? '1 attempt' : `${attempts} attempts`}${error}`;
}
