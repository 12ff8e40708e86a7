import type { Operation } from '../core/operation';
import { actionsOf, type SagaValue, type StepFailed, type TurnCause } from '../core/saga-value';
import { isGivenUp } from '../core/undo-order';
import type { InspectedSaga, OrderedBy, StoredSaga } from '../ports/saga-store';
import type { Situation } from './explain-operation';
import { listed } from './listed';

const NAMED_AT_MOST = 3;

/** Why a saga is in its state. */
export function whyOf({ stored }: InspectedSaga, situations: readonly Situation[], pausedBy: OrderedBy | null): string {
  const { saga } = stored;
  if (saga.attention) return 'An effect came after its end and is not undone yet.';
  if (saga.paused && saga.state === 'started') return pauseOf(saga, pausedBy).join(' ');
  return [ofState(stored, situations), ...pauseOf(saga, pausedBy)].join(' ');
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

export function causeOf(cause: TurnCause | null): string {
  switch (cause?.kind) {
    case undefined:
      return 'It turned back.';
    case 'step-failed':
      return `It turned back because ${stepFailed(cause)}.`;
    case 'deadline':
      return 'It turned back because its deadline passed.';
    case 'asked':
      return `It turned back because ${cause.actor ?? 'somebody'} asked for it${reasonOf(cause)}.`;
    case 'terminated':
      return `${cause.actor ?? 'Somebody'} ended it as it was, with nothing more undone${reasonOf(cause)}.`;
  }
}

function stepFailed({ step, error, outcome, reportedBy }: StepFailed): string {
  const how = `(${error.code}: ${error.message})`;
  if (reportedBy !== undefined) return `${reportedBy.actor ?? 'somebody'} said that step "${step}" failed ${how}${reasonOf(reportedBy)}`;
  return outcome === 'unknown' ? `nobody knows whether step "${step}" took effect ${how}` : `step "${step}" failed ${how}`;
}

function reasonOf(by: OrderedBy | null): string {
  return by?.reason == null ? '' : `: ${by.reason.trim().replace(/[.]+$/, '')}`;
}
