import { actionsOf, isTerminal, type SagaValue } from '../core/saga-value';
import type { Operation } from '../core/operation';
import { isGivenUp } from '../core/undo-order';
import type { OrderedBy } from '../ports/paused-action';
import type { InspectedSaga, StoredSaga } from '../ports/stored-saga';
import { attentionWords, pivotWords } from './explain-kinds';
import type { Situation } from './explain-operation';
import { causeOf, reasonOf } from './explain-cause';
import { listed } from './listed';

const NAMED_AT_MOST = 3;

/** Why a saga is in its state. */
export function whyOf({ stored }: InspectedSaga, situations: readonly Situation[], pausedBy: OrderedBy | null): string {
  const { saga } = stored;
  const special = [...pivotWords(stored), ...attentionWords(stored)];
  if (saga.attention && isTerminal(saga.state)) return special.join(' ');
  if (saga.paused && saga.state === 'started') return [...pauseOf(saga, pausedBy), ...special].join(' ');
  if (saga.state === 'stuck' && saga.openUndos === 0) return [...special, ...pauseOf(saga, pausedBy)].join(' ');
  return [ofState(stored, situations), ...special, ...pauseOf(saga, pausedBy)].join(' ');
}

/** Who paused it, if it is paused. */
export function pauseOf(saga: SagaValue, pausedBy: OrderedBy | null): readonly string[] {
  return saga.paused ? [`${pausedBy?.actor ?? 'Somebody'} paused it${reasonOf(pausedBy)}.`] : [];
}

function ofState({ plan, saga }: StoredSaga, situations: readonly Situation[]): string {
  const nameOf = ({ step }: { readonly step: number }): string => `"${plan.steps[step]?.name ?? step}"`;
  switch (saga.state) {
    case 'started':
      return waiting([...new Set(situations.map(({ waitsFor }) => waitsFor))]);
    case 'completed': {
      const skipped = actionsOf(saga).filter(({ state }) => state === 'skipped');
      const were = skipped.length === 1 ? 'which was skipped' : 'which were skipped';
      return skipped.length === 0 ? 'Every step completed.' : `Every step completed but ${listed(skipped.map(nameOf))}, ${were}.`;
    }
    case 'failed':
      return saga.cause?.kind === 'terminated'
        ? causeOf(saga.cause)
        : `${causeOf(saga.cause)} Nothing that may have taken effect has an undo.`;
    case 'compensated':
      return `${causeOf(saga.cause)} Everything that needed an undo was undone.`;
    case 'stuck':
      return [causeOf(saga.cause), ...givenUp(saga, nameOf)].join(' ');
    case 'compensating': {
      if (saga.openActions > 0) return `${causeOf(saga.cause)} Before anything is undone it waits for what still runs.`;
      const [what] = givenUp(saga, nameOf);
      return what === undefined ? causeOf(saga.cause) : `${causeOf(saga.cause)} ${what} ${plan.onStuck === 'continue' ? GOES_ON : HALTS}`;
    }
  }
}

const HALTS = 'Nothing more begins, and when what is under way has ended a person must act.';
const GOES_ON = 'What it was built on waits for a person, the rest goes on.';

function givenUp(saga: SagaValue, nameOf: (undo: Operation) => string): readonly string[] {
  const names = [...saga.operations.values()].filter(isGivenUp).map(nameOf);
  return names.length === 0 ? [] : [`The undo of ${listed(names)} was given up.`];
}

function waiting(things: readonly string[]): string {
  const unnamed = things.length - NAMED_AT_MOST;
  return `It waits for ${listed([...things.slice(0, NAMED_AT_MOST), ...(unnamed > 0 ? [`${unnamed} more`] : [])])}.`;
}
