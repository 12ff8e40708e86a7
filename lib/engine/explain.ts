import { isTerminal, type SagaState, type SagaValue } from '../core/saga-value';
import type { InspectedSaga } from '../ports/stored-saga';
import { attentionWords, pivotWords } from './explain-kinds';
import { situationsOf, type Situation, type Surroundings } from './explain-operation';
import { optionsFor, type Option } from './explain-options';
import { remainsOf, type Remains } from './explain-remains';
import { causeOf } from './explain-cause';
import { pauseOf, whyOf } from './explain-why';
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
  const remains = remainsOf(inspected);
  const why = whyOf(inspected, situations, around.pausedBy);
  return {
    summary: summaryOf(inspected, situations, remains, around.pausedBy, why),
    state: saga.state,
    where: [...situations, ...remains.parts].map(({ where }) => `${where}.`),
    why,
    next: nextOf(inspected, situations),
    options: optionsFor(inspected, situations),
  };
}

function summaryOf(
  { stored }: InspectedSaga,
  [first, ...others]: readonly Situation[],
  remains: Remains,
  pausedBy: Surroundings['pausedBy'],
  why: string,
): string {
  const { saga } = stored;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  const where = first === undefined ? '.' : `: ${first.where}${more}.`;
  const isToldAlready = first !== undefined && saga.state === 'started' && !saga.paused;
  const told = [...pivotWords(stored), ...(isTerminal(saga.state) ? [] : attentionWords(stored))];
  const because =
    saga.state !== 'stuck' ? (isToldAlready ? told : [why]) : isUndoStuck(saga) ? [causeOf(saga.cause), ...pauseOf(saga, pausedBy)] : [why];
  return [`${headOf(saga)}${where}`, ...because, ...remains.summary].join(' ');
}

/** Not because of its pivot, which settles before anything is undone. */
function isUndoStuck({ openUndos }: SagaValue): boolean {
  return openUndos > 0;
}

function headOf({ name, state, attention, paused }: SagaValue): string {
  const saga = `The saga "${name}"`;
  if (attention && isTerminal(state)) return `${saga} has ended as ${state} and needs attention`;
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

function nextOf({ stored: { saga }, deadlineInMs }: InspectedSaga, situations: readonly Situation[]): Explanation['next'] {
  const next = situations.flatMap((situation) => situation.next ?? []);
  if (saga.state === 'started' && !saga.paused && deadlineInMs !== null && saga.turning === null) {
    const then = saga.pastPivot ? 'a person is told, for there is no way back' : 'it turns back';
    const what = deadlineInMs > 0 ? `its deadline passes in ${spoken(deadlineInMs)}, and ${then}` : `its deadline has passed, and ${then}`;
    next.push({ what, inMs: Math.max(0, Math.round(deadlineInMs)) });
  }
  if (next.length === 0)
    next.push({ what: isTerminal(saga.state) && !saga.attention ? 'nothing: it has ended' : 'nothing, until a person acts', inMs: null });
  return next.sort((a, b) => (a.inMs ?? Infinity) - (b.inMs ?? Infinity));
}
