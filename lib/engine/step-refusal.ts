import { SagaStepRefusedError, SagaTerminalError, type SagaError } from '../errors';
import type { ReportedEvent, StepOrder } from '../core/event';
import { isSettled, type Operation } from '../core/operation';
import { quoted } from '../core/names';
import { isTerminal, operationOf, type SagaValue } from '../core/saga-value';
import { didYouMean } from '../core/suggestion';
import { isGivenUp, undoInQuestion } from '../core/undo-order';
import type { StoredSaga } from '../ports/stored-saga';

type AboutStep = StepOrder | ReportedEvent;

const MOST_NAMED = 10;

/**
 * The place of a step in its plan, by its name or by its id. A name begins with a letter and an id with a digit.
 *
 * @throws SagaStepRefusedError
 */
export function placeOfStep({ plan, saga, steps }: StoredSaga, step: unknown): number {
  const place = plan.steps.findIndex(({ name }, at) => name === step || steps[at]?.stepId === step);
  if (place >= 0) return place;
  const names = plan.steps.map(({ name }) => name);
  const some = names.length > MOST_NAMED ? [...names.slice(0, MOST_NAMED), '…'] : names;
  const guess = typeof step === 'string' ? didYouMean(step.slice(0, 128), names) : '';
  throw new SagaStepRefusedError(
    saga.id,
    `an order about the step ${quoted(step)}`,
    `it has no such step${guess}; it has ${some.join(', ')}`,
  );
}

/** What was asked for is so already, or on its way. */
export function isFulfilled(saga: SagaValue, event: AboutStep, place: number): boolean {
  const { action, undo } = stepOf(saga, place);
  switch (event.type) {
    case 'skip-step':
      return action?.state === 'skipped' && saga.state === 'started';
    case 'retry-step':
      return [undo, action].some((operation) => operation?.state === 'started' || operation?.state === 'running');
    case 'reported':
      return event.operation.direction === 'undo' && undo?.state === 'completed';
  }
}

/** Why not, and what can be done instead. */
export function refusalOf({ plan, saga }: StoredSaga, event: AboutStep, place: number): SagaError {
  const [verb, what] = wordsOf(event);
  // Only the undo of a late effect is still open.
  const isOver = isTerminal(saga.state) && !(saga.attention && isAboutUndo(event));
  if (isOver) return new SagaTerminalError(saga.id, saga.state, `${verb} a step of`);
  const step = `step ${quoted(plan.steps[place]?.name)}`;
  const instead = plan.steps[place]?.kind === 'retriable' && isFailure(event) ? RETRIABLE : insteadOf(saga, event, place);
  return new SagaStepRefusedError(saga.id, `${what} ${step}`, `${situationOf(saga, place)}; ${instead}`);
}

const RETRIABLE = 'a retriable step is tried until it completes; resolveStep() as completed or skipStep() goes on without it';

function isFailure(event: AboutStep): boolean {
  return event.type === 'reported' && event.result.kind === 'failed';
}

function isAboutUndo(event: AboutStep): boolean {
  return event.type === 'retry-step' || (event.type === 'reported' && event.operation.direction === 'undo');
}

function wordsOf(event: AboutStep): readonly [verb: string, what: string] {
  if (event.type === 'skip-step') return ['skip', 'to skip'];
  return event.type === 'retry-step' ? ['retry', 'to retry'] : ['resolve', "somebody else's word about"];
}

function situationOf(saga: SagaValue, place: number): string {
  const { action, undo } = stepOf(saga, place);
  if (undo === undefined) return `it is ${action?.state ?? 'missing'} and the saga is ${saga.state}`;
  const isUndone = undo.state === 'completed' ? 'done' : isGivenUp(undo) ? 'given up' : undo.state;
  return `its undo is ${isUndone} and the saga is ${saga.state}`;
}

function insteadOf(saga: SagaValue, event: AboutStep, place: number): string {
  const { action, undo } = stepOf(saga, place);
  if (undo !== undefined && isGivenUp(undo))
    return `retryStep() tries the undo again, resolveStep(…, { status: 'compensated' }) says that it is done`;
  if (undo !== undefined && undo.state === 'completed') return 'nothing is left to do for it';
  if (undo !== undefined)
    return undo.state === 'pending'
      ? 'its turn comes after the undos before it'
      : `resolveStep(…, { status: 'compensated' }) says that it is done`;
  if (action === undefined) return 'explain() says what is there';
  if (action.state === 'running') return 'wait for its outcome, or say with resolveStep() how it ended';
  if (action.state === 'pending' && saga.state === 'started') return 'its turn has not come; skipStep() goes on without it';
  if (action.state === 'waiting' && event.type === 'retry-step') return 'skipStep() goes on without it';
  if (!isSettled(action))
    return event.type === 'reported'
      ? `it is not undone yet; { status: 'completed' } or { status: 'failed' } says how the action itself ended`
      : 'it is tried as soon as a worker is free';
  if (saga.state === 'stuck' && action.state === 'unknown') return 'resolveStep() says how it ended';
  if (saga.pastPivot) return 'its saga goes forward only, for its pivot has completed';
  return saga.state === 'started'
    ? 'cancel() undoes the whole saga'
    : 'a saga that has turned back does not go forward again; start a new one';
}

function stepOf(saga: SagaValue, place: number): { readonly action: Operation | undefined; readonly undo: Operation | undefined } {
  return { action: operationOf(saga, { step: place, direction: 'action', round: 1 }), undo: undoInQuestion(saga, place) };
}
