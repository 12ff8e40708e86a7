import { describe, expect, it } from '@jest/globals';
import { plan, step } from '../testing/store-contract.scenario';
import type { SagaEvent } from './event';
import { fold } from './fold';
import { startSaga } from './forward';
import type { OperationPolicy } from './plan';
import type { SagaValue } from './saga-value';
import { transition } from './transition';

const PATIENT: OperationPolicy = { timeoutMs: 1_000, losses: 1, retry: { attempts: 5, backoff: 'fixed', baseMs: 5_000, maxMs: 5_000 } };

const THREE_AND_LAST = plan([step('a'), step('b'), step('c'), step('last', { dependsOn: [0, 1, 2] })]);

/** All three have been claimed. */
function running(): SagaValue {
  let { saga } = startSaga(THREE_AND_LAST, 's1');
  for (const place of [0, 1, 2]) saga = moved(saga, { type: 'claim', operation: action(place), claimId: `c${place}`, due: true });
  return saga;
}

function moved(saga: SagaValue, event: SagaEvent): SagaValue {
  const decision = transition(THREE_AND_LAST, saga, event);
  if (decision.kind !== 'moved') throw new Error(`${event.type} does not move the saga`);
  return decision.saga;
}

const action = (place: number) => ({ step: place, direction: 'action' as const, round: 1 });
const completed = (place: number, more: object = {}): SagaEvent => {
  return { type: 'completed', operation: action(place), fence: 1, claimId: `c${place}`, output: place, ...more };
};

describe('fold', () => {
  it('comes to what the events come to one after the other, with a row of history for each', () => {
    const before = running();
    const events = [completed(0), completed(1), completed(2)];
    const folded = fold(THREE_AND_LAST, before, events, transition);
    expect(folded.saga).toEqual(events.reduce(moved, before));
    expect(folded.decisions.map(({ saga }) => saga.rev)).toEqual([before.rev + 1, before.rev + 2, before.rev + 3]);
    expect(folded.effects.filter(({ type }) => type === 'record')).toHaveLength(3);
    expect(folded.effects.filter(({ type }) => type === 'dispatch')).toMatchObject([{ operation: action(3), inMs: 0 }]);
  });

  it('stops before the first event that does not simply move the saga', () => {
    const twice = [completed(0), completed(0), completed(1)];
    expect(fold(THREE_AND_LAST, running(), twice, transition).decisions).toHaveLength(1);
    const part = { ...running(), whole: false };
    const turnsBack: SagaEvent = { type: 'compensate', reason: null, actor: null };
    expect(fold(THREE_AND_LAST, part, [completed(0), completed(1), turnsBack, completed(2)], transition).decisions).toHaveLength(2);
  });

  it('lays what all of them say of the context together, the later word over the earlier', () => {
    const events = [completed(0, { contextPatch: { one: 1, both: 1 } }), completed(1), completed(2, { contextPatch: { both: 2 } })];
    const { effects } = fold(THREE_AND_LAST, running(), events, transition);
    expect(effects.filter(({ type }) => type === 'context')).toEqual([{ type: 'context', patch: { one: 1, both: 2 } }]);
  });

  it('does not write down when an operation is due that a later event has changed', () => {
    const before = running();
    const released: SagaEvent = { type: 'released', operation: action(0), fence: 1, claimId: 'c0', interrupted: false };
    const again: SagaEvent = { type: 'claim', operation: action(0), claimId: 'c9', due: true };
    const alone = fold(THREE_AND_LAST, before, [released], transition);
    expect(alone.effects.filter(({ type }) => type === 'dispatch')).toMatchObject([{ operation: action(0) }]);
    const both = fold(THREE_AND_LAST, before, [released, again], transition);
    expect(both.decisions).toHaveLength(2);
    expect(both.effects.filter(({ type }) => type === 'dispatch')).toEqual([]);
  });

  it('keeps when an operation is due of which a later event has only told more', () => {
    const patient = plan([step('a', { kind: 'retriable', actionPolicy: PATIENT })]);
    const claim: SagaEvent = { type: 'claim', operation: action(0), claimId: 'c0', due: true };
    const claimed = transition(patient, startSaga(patient, 's1').saga, claim);
    if (claimed.kind !== 'moved') throw new Error('the claim does not move the saga');
    const error = { code: 'NO', message: 'not today' };
    const broken = { outcome: 'failed', retryable: undefined, retryAfterMs: undefined, seed: 0.5 } as const;
    const folded = fold(
      patient,
      claimed.saga,
      [
        { type: 'failed', operation: action(0), fence: 1, claimId: 'c0', error, ...broken },
        { type: 'called-back', operation: action(0), result: { kind: 'failed', error } },
      ],
      transition,
    );
    expect(folded.decisions).toHaveLength(2);
    expect(folded.effects.filter(({ type }) => type === 'dispatch')).toMatchObject([{ operation: action(0), inMs: 5_000 }]);
  });
});
