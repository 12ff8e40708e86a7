import { mayComeToItsEffect } from './backward';
import { ignored, NEED_ALL, type Decision } from './decision';
import { finish, mayTakeEffect, type Draft } from './draft';
import type { ReportedEvent } from './event';
import { goesForward, isOpenPivot, isPersistent } from './kinds';
import { isSettled, type Operation } from './operation';
import { pivotAnswered } from './pivot';
import type { Plan } from './plan';
import { isTerminal, operationOf, type SagaValue } from './saga-value';
import { settle } from './settle';
import { isGivenUp, isStillWanted, undoInQuestion } from './undo-order';

/**
 * Somebody other than the worker says how an operation ended. It counts once, and only for an operation that has begun and not
 * settled; a worker that still runs it loses its fence. A stuck saga takes the word for the undo that was given up.
 */
export function reported(plan: Plan, saga: SagaValue, event: ReportedEvent): Decision {
  const isUndo = event.operation.direction === 'undo';
  if (isUndo && !saga.whole) return NEED_ALL;
  const operation = isUndo ? undoInQuestion(saga, event.operation.step) : operationOf(saga, event.operation);
  if (operation === undefined) return saga.whole ? ignored('unknown-operation') : NEED_ALL;
  if (isOpenPivot(plan, saga, operation))
    return finish(event, toldBy(event, { ...saga, cause: null }, pivotAnswered(plan, saga, settledAs(plan, saga, operation, event))));
  const isNews = !isSettled(operation) || (waitsForSomebody(saga) && isGivenUp(operation) && event.result.kind === 'completed');
  // Whoever was asked has said that it is done; it only waits for what its worker writes.
  if (operation.heard?.kind === 'completed' && event.result.kind === 'failed') return ignored('not-claimable');
  if (operation.state === 'pending' || !isNews) return ignored('not-claimable');
  if (isUndo ? !isStillWanted(saga, operation) : isTerminal(saga.state)) return ignored('wrong-direction');
  if (event.result.kind === 'failed' && goesForward(saga) && isPersistent(plan, operation)) return ignored('retriable');
  return finish(event, toldBy(event, saga, settle(plan, saga, settledAs(plan, saga, operation, event))));
}

/** A saga that turns back remembers whose word that was. */
function toldBy({ reason = null, actor }: ReportedEvent, before: SagaValue, made: Draft): Draft {
  if (made.kind === 'need' || before.cause !== null || made.saga.cause?.kind !== 'step-failed') return made;
  return { ...made, saga: { ...made.saga, cause: { ...made.saga.cause, reportedBy: { reason, actor } } } };
}

function waitsForSomebody(saga: SagaValue): boolean {
  return saga.state === 'stuck' || saga.state === 'compensating' || saga.attention;
}

function settledAs(plan: Plan, saga: SagaValue, operation: Operation, event: ReportedEvent): Operation {
  // Without a place in the order it could be undone after the steps it was built on.
  const order = operation.direction === 'action' && operation.order === 0 ? saga.rev + 1 : operation.order;
  // Whoever runs it may still come to its effect, whatever is said of it here.
  const mayHappen = (operation.state === 'running' && mayTakeEffect(plan, operation)) || mayComeToItsEffect(operation);
  const taken = { ...operation, order, fence: operation.fence + 1, hadUnknown: operation.hadUnknown || mayHappen };
  return event.result.kind === 'completed'
    ? { ...taken, state: 'completed', output: event.result.output, error: null }
    : { ...taken, state: 'failed', error: event.result.error };
}
