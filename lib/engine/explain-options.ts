import { goesForward, isPersistent } from '../core/kinds';
import type { Operation } from '../core/operation';
import { isTerminal, type SagaValue } from '../core/saga-value';
import type { InspectedSaga } from '../ports/stored-saga';
import type { Situation } from './explain-operation';

export interface Option {
  /** As it is written: `operator.cancel('01J…')`. Each takes `{ reason, actor }` as well. */
  readonly call: string;
  /** What it does to this saga, as it is now. */
  readonly effect: string;
}

/** What a person may do about a saga, the mildest first. */
export function optionsFor({ stored: { plan, saga } }: InspectedSaga, situations: readonly Situation[]): readonly Option[] {
  const ofSteps = situations.flatMap((situation) => optionsOf(saga, situation, isPersistent(plan, situation.operation)));
  return [...new Map([...ofSteps, ...ofAttention(saga), ...ofSaga(saga)].map((option) => [option.call, option])).values()];
}

function optionsOf(saga: SagaValue, { kind, operation, step, key }: Situation, isTriedOn: boolean): readonly Option[] {
  const of = (verb: string, more = ''): string => `operator.${verb}('${saga.id}', '${step}'${more})`;
  const then = saga.paused ? ' once it is resumed' : '';
  const isAction = operation.direction === 'action';
  const skip = { call: of('skipStep'), effect: `goes on without the step${then}; what refers to its output will fail` };
  const now = saga.paused ? 'tries it once the saga is resumed, whatever its time' : 'tries it now';
  const retry = { call: of('retryStep'), effect: kind === 'given-up' ? `tries the undo again${then}, with all its attempts` : now };
  const again = { call: of('retryStep'), effect: `runs its handler again${then}; whoever was asked before may still answer` };
  const undone = {
    call: of('resolveStep', `, { status: 'compensated' }`),
    effect: 'takes your word that the effect of the step is undone',
  };
  const done = {
    call: of('resolveStep', `, { status: 'completed', output }`),
    effect: 'takes your word that it took effect; its worker is not heard any more',
  };
  const failed = {
    call: of('resolveStep', `, { status: 'failed', error: { message } }`),
    effect: 'takes your word that it took no effect',
  };
  // A step that is tried until it completes cannot fail as long as its saga goes forward.
  const resolve = !isAction ? [undone] : isTriedOn && goesForward(saga) ? [done] : [done, failed];
  const skipping = isAction && saga.state === 'started' ? [skip] : [];
  switch (kind) {
    case 'waiting':
      return [...(operation.wait?.kind === 'timer' ? [] : [again]), ...skipping, ...resolve];
    case 'child':
      return [...ofChild(operation), ...skipping, ...(isAction ? [done, { ...failed, effect: FAILED_CHILD }] : [undone])];
    case 'running':
      return resolve;
    case 'retrying':
      return [retry, ...skipping, ...resolve];
    case 'given-up':
      return [retry, undone];
    case 'open-pivot':
      return [
        { ...done, effect: `takes your word that it took effect: the saga goes forward${then}, and there is no way back` },
        { ...failed, effect: `takes your word that it took no effect: the saga turns back${then}` },
      ];
    case 'action-paused':
      return [{ call: `operator.resumeAction('${key}')`, effect: 'lets the action run again, in every saga' }, ...skipping, ...resolve];
    case 'no-handler':
      return [{ call: `(start a process with "${key}")`, effect: 'it begins there at once' }, ...skipping, ...resolve];
    case 'paused':
      return [...(operation.state === 'retrying' ? [retry] : []), ...skipping, ...resolve];
    case 'due':
      return [...skipping, ...resolve];
  }
}

const FAILED_CHILD = 'takes your word that it failed; when this saga turns back, the one that it runs is cancelled';

/** What a late effect asks for is not over because somebody has seen it. */
function ofAttention({ id, attention, state, openUndos }: SagaValue): readonly Option[] {
  if (!attention || (isTerminal(state) && openUndos > 0)) return [];
  return [{ call: `operator.acknowledge('${id}')`, effect: 'says that you have seen it: it needs no attention any more' }];
}

/** What helps is done there. */
function ofChild({ wait }: Operation): readonly Option[] {
  if (wait?.kind !== 'saga') return [];
  const look = { call: `operator.explain('${wait.sagaId}')`, effect: 'says where the saga is that this one waits for' };
  const again = { call: `sagas.compensate('${wait.sagaId}')`, effect: 'tries every undo of it again that was given up' };
  return wait.stuck === true ? [look, again] : [look];
}

function ofSaga({ id, state, paused, attention, pastPivot, turning, openUndos }: SagaValue): readonly Option[] {
  const call = (verb: string): string => `operator.${verb}('${id}')`;
  if (isTerminal(state)) return attention ? [] : [{ call: `sagas.delete('${id}')`, effect: 'removes it; its business key stays' }];
  const pause = { call: call('pause'), effect: 'begins nothing more of it, until it is resumed; what runs may end' };
  const resume = { call: call('resume'), effect: state === 'stuck' ? 'ends the pause; it stays stuck' : 'goes on where it was' };
  const undoes = paused ? 'turns back and stays paused; what was done is undone' : 'waits for what runs, then undoes what was done';
  const then = paused ? ' once it is resumed' : '';
  const cancel = { call: call('cancel'), effect: `${undoes}${then}` };
  const again = { call: `sagas.compensate('${id}')`, effect: `tries every undo again that was given up${then}` };
  const terminate = { call: call('terminate'), effect: 'ends it as it is: failed, with nothing more undone' };
  const canTurn = state === 'started' && !pastPivot && turning === null;
  const asIt = canTurn ? [cancel] : state === 'stuck' && openUndos > 0 ? [again] : [];
  return [paused ? resume : pause, ...asIt, terminate];
}
