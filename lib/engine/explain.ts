import { isTerminal, type SagaState, type SagaValue, type TurnCause } from '../core/saga-value';
import { isGivenUp } from '../core/undo-order';
import type { InspectedSaga, OrderedBy } from '../ports/saga-store';
import { situationsOf, type Situation, type Surroundings } from './explain-operation';
import { optionsFor, type Option } from './explain-options';
import { spoken } from './spoken-time';

export interface Explanation {
  /** Where the saga is and what it waits for, in one or two sentences. */
  readonly summary: string;
  readonly state: SagaState;
  /** One sentence for each part of it that is under way, or that was given up. */
  readonly where: readonly string[];
  /** Why it is in this state. */
  readonly why: string;
  /** What happens next by itself, the soonest first. `inMs`: from now; null when nobody can know. */
  readonly next: readonly { readonly what: string; readonly inMs: number | null }[];
  /** What a person may do. */
  readonly options: readonly Option[];
}

/** A saga in plain English. Pure: what is asked of the store and of the handlers comes in. */
export function explain(inspected: InspectedSaga, around: Surroundings): Explanation {
  const { saga } = inspected.stored;
  const situations = situationsOf(inspected, around);
  const why = whyOf(inspected, around);
  return {
    summary: summaryOf(inspected, situations, why),
    state: saga.state,
    where: situations.map(({ where }) => `${where}.`),
    why,
    next: nextOf(inspected, situations),
    options: optionsFor(inspected, situations),
  };
}

function summaryOf(inspected: InspectedSaga, situations: readonly Situation[], why: string): string {
  const { saga } = inspected.stored;
  const [first, ...others] = situations;
  if (first === undefined) return `${headOf(saga)}. ${why}`;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const isForward = saga.state === 'started' && !saga.paused;
  const because = saga.state === 'stuck' ? causeOf(saga.cause) : why;
  return `${headOf(saga)}: ${first.where}${more}.${isForward ? '' : ` ${because}`}`;
}

function headOf({ name, state, attention, paused }: SagaValue): string {
  const saga = `The saga "${name}"`;
  if (attention) return `${saga} has ended as ${state} and needs attention`;
  if (paused) return `${saga} is paused while ${state === 'started' ? 'it goes forward' : `it is ${state}`}`;
  switch (state) {
    case 'started':
      return `${saga} goes forward`;
    case 'compensating':
      return `${saga} has turned back`;
    case 'stuck':
      return `${saga} is stuck and waits for a person`;
    default:
      return `${saga} has ended as ${state}`;
  }
}

function whyOf({ stored: { plan, saga } }: InspectedSaga, { pausedBy }: Surroundings): string {
  if (saga.attention) return 'An effect came after its end and is not undone yet.';
  if (saga.paused) return `${pausedBy?.actor ?? 'Somebody'} paused it${reasonOf(pausedBy)}.`;
  switch (saga.state) {
    case 'started':
      return 'Its steps have not all settled.';
    case 'completed':
      return 'Every step completed or was skipped.';
    case 'failed':
      return saga.cause?.kind === 'terminated'
        ? causeOf(saga.cause)
        : `${causeOf(saga.cause)} Nothing that may have taken effect has an undo.`;
    case 'compensated':
      return `${causeOf(saga.cause)} Everything that needed an undo was undone.`;
    case 'stuck': {
      const givenUp = [...saga.operations.values()].filter(isGivenUp).map(({ step }) => `"${plan.steps[step]?.name ?? step}"`);
      return `${causeOf(saga.cause)} The undo of ${givenUp.join(' and ')} was given up.`;
    }
    case 'compensating':
      return saga.openActions === 0
        ? causeOf(saga.cause)
        : `${causeOf(saga.cause)} Before anything is undone it waits for what still runs.`;
  }
}

function causeOf(cause: TurnCause | null): string {
  switch (cause?.kind) {
    case undefined:
      return 'It turned back.';
    case 'step-failed':
      return `It turned back because step "${cause.step}" failed (${cause.error.code}: ${cause.error.message}).`;
    case 'deadline':
      return 'It turned back because its deadline passed.';
    case 'asked':
      return `It turned back because ${cause.actor ?? 'somebody'} asked for it${reasonOf(cause)}.`;
    case 'terminated':
      return `${cause.actor ?? 'Somebody'} ended it as it was, with nothing more undone${reasonOf(cause)}.`;
  }
}

function reasonOf(by: OrderedBy | null): string {
  return by?.reason == null ? '' : `: ${by.reason.trim().replace(/[.]+$/, '')}`;
}

function nextOf({ stored: { saga }, deadlineInMs }: InspectedSaga, situations: readonly Situation[]): Explanation['next'] {
  const next = situations.flatMap((situation) => situation.next ?? []);
  if (saga.state === 'started' && !saga.paused && deadlineInMs !== null) {
    const what =
      deadlineInMs > 0 ? `its deadline passes in ${spoken(deadlineInMs)}, and it turns back` : 'its deadline has passed, and it turns back';
    next.push({ what, inMs: Math.max(0, Math.round(deadlineInMs)) });
  }
  if (next.length === 0)
    next.push({ what: isTerminal(saga.state) && !saga.attention ? 'nothing: it has ended' : 'nothing, until a person acts', inMs: null });
  return next.sort((a, b) => (a.inMs ?? Infinity) - (b.inMs ?? Infinity));
}
