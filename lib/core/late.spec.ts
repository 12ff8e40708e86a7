import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import type { OperationRef, Wait } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 1 };
const ACTION: OperationRef = { step: 0, direction: 'action', round: 1 };
const undo = (round: number, step = 0): OperationRef => ({ step, direction: 'undo', round });

function planOf(...names: readonly string[]): Plan {
  const steps = names.map((name, place) => {
    const dependsOn = place === 0 ? [] : [place - 1];
    return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn, actionPolicy: ONCE, undoPolicy: ONCE };
  });
  return { format: PLAN_FORMAT, name: 'late', steps };
}

/** A saga whose first action said nothing within its time, so that its outcome is unknown and it is being undone. */
class Story {
  saga: SagaValue;
  decision: Decision | undefined;

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
    this.claim(ACTION);
    const running = operationOf(this.saga, ACTION);
    if (running !== undefined) this.saga = withOperations(this.saga, [{ ...running, timedOut: true }]);
    this.happens({ type: 'lease-expired', operation: ACTION, fence: 1, claimId: 'claim-1', seed: 0 });
  }

  happens(event: SagaEvent): this {
    this.decision = transition(this.plan, this.saga, event);
    if (this.decision.kind === 'moved') this.saga = this.decision.saga;
    return this;
  }

  claim(operation: OperationRef): this {
    return this.happens({ type: 'claim', operation, claimId: `claim-${this.saga.rev}`, due: true });
  }

  succeeds(operation: OperationRef): this {
    return this.happens({ type: 'completed', ...this.of(operation), output: null });
  }

  fails(operation: OperationRef): this {
    const error = { code: 'E', message: 'no' };
    return this.happens({
      type: 'failed',
      ...this.of(operation),
      error,
      outcome: 'failed',
      retryable: false,
      retryAfterMs: undefined,
      seed: 0,
    });
  }

  /** The zombie wakes and says that it was done. */
  comesLate(): this {
    return this.happens({ type: 'completed', operation: ACTION, fence: 1, claimId: 'claim-1', output: { charged: true } });
  }

  /** The zombie wakes, asks somebody outside, and gives the token away. */
  asksLate(wait: Wait = { kind: 'callback' }): this {
    return this.happens({ type: 'suspended', operation: ACTION, fence: 1, claimId: 'claim-1', wait, timeoutMs: null });
  }

  suspends(operation: OperationRef): this {
    return this.happens({ type: 'suspended', ...this.of(operation), wait: { kind: 'callback' }, timeoutMs: null });
  }

  /** Whoever has the token. */
  answers(output: string): this {
    return this.happens({ type: 'called-back', operation: ACTION, result: { kind: 'completed', output } });
  }

  state(operation: OperationRef): string | undefined {
    return operationOf(this.saga, operation)?.state;
  }

  get effects(): readonly string[] {
    return this.decision?.kind === 'moved' ? this.decision.effects.map((effect) => effect.type) : [];
  }

  private of(operation: OperationRef) {
    const { fence = 0, claimId } = operationOf(this.saga, operation) ?? {};
    return { operation, fence, claimId: claimId ?? 'none' };
  }
}

describe('an effect that comes late', () => {
  it('changes nothing while its undo has not been tried: that will do', () => {
    const story = new Story(planOf('a'));
    expect(story.state(undo(1))).toBe('started');
    expect(story.comesLate().decision).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('after its undo asks for another round, and the saga keeps its state and raises attention until that is done', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1));
    expect(story.saga.state).toBe('compensated');
    story.comesLate();
    expect(story.saga).toMatchObject({ state: 'compensated', attention: true });
    expect(story.effects).toEqual(['dispatch', 'attention', 'record']);
    expect(operationOf(story.saga, undo(2))).toMatchObject({ state: 'started', actionOutcome: 'completed' });
    expect(operationOf(story.saga, ACTION)).toMatchObject({ state: 'unknown', output: { charged: true } });
    story.claim(undo(2)).succeeds(undo(2));
    expect(story.saga).toMatchObject({ state: 'compensated', attention: false, openUndos: 0 });
    expect(story.effects).toEqual(['attention', 'record']);
  });

  it('is counted once, however often it is reported', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).comesLate().claim(undo(2)).succeeds(undo(2));
    expect(story.comesLate().decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });

  it('while its undo runs asks for a round that follows the other undos, and the saga is not compensated before it', () => {
    const story = new Story(planOf('a')).claim(undo(1)).comesLate();
    expect(story.saga).toMatchObject({ state: 'compensating', attention: false, openUndos: 2 });
    expect(story.state(undo(2))).toBe('pending');
    story.succeeds(undo(1));
    expect(story.saga.state).toBe('compensating');
    story.claim(undo(2)).succeeds(undo(2));
    expect(story.saga.state).toBe('compensated');
  });

  it('keeps the attention when its undo is given up, until a person has it tried again', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).comesLate().claim(undo(2)).fails(undo(2));
    expect(story.saga).toMatchObject({ state: 'compensated', attention: true });
    story.happens({ type: 'compensate', reason: 'the bank is back', actor: 'ann' });
    expect(story.saga).toMatchObject({ state: 'compensated', attention: true });
    expect(story.state(undo(2))).toBe('started');
    story.claim(undo(2)).succeeds(undo(2));
    expect(story.saga.attention).toBe(false);
  });

  it('or until a person says that it is undone', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).comesLate().claim(undo(2)).fails(undo(2));
    story.happens({ type: 'reported', operation: undo(1), result: { kind: 'completed', output: null }, actor: 'ann' });
    expect(story.saga).toMatchObject({ state: 'compensated', attention: false });
  });

  it('means nothing to a step without a compensation', () => {
    const [step] = planOf('a').steps;
    const story = new Story({ ...planOf('a'), steps: step === undefined ? [] : [{ ...step, compensation: null }] });
    expect(story.saga.state).toBe('failed');
    expect(story.comesLate().decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });
});

describe('a request to somebody outside that comes late', () => {
  const STALE = { kind: 'ignored', reason: 'stale' };

  it('changes nothing while its undo has not been tried: that will do', () => {
    expect(new Story(planOf('a')).asksLate().decision).toEqual(STALE);
  });

  it('after its undo asks for another round, which is told that nobody knows', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).asksLate();
    expect(story.saga).toMatchObject({ state: 'compensated', attention: true });
    expect(story.effects).toEqual(['dispatch', 'attention', 'record']);
    expect(operationOf(story.saga, undo(2))).toMatchObject({ state: 'started', actionOutcome: 'unknown' });
    expect(story.claim(undo(2)).succeeds(undo(2)).saga).toMatchObject({ state: 'compensated', attention: false, openUndos: 0 });
  });

  it('is counted once, and the answer to it once more', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).asksLate();
    expect(story.asksLate().decision?.kind).toBe('ignored');
    story.claim(undo(2)).answers('approved');
    expect(operationOf(story.saga, undo(3))).toMatchObject({ state: 'started', actionOutcome: 'completed' });
    expect(operationOf(story.saga, ACTION)).toMatchObject({ state: 'unknown', output: 'approved' });
    expect(story.answers('approved').decision?.kind).toBe('ignored');
  });

  it('is no news when another attempt was heard to have asked, under the same token', () => {
    const retry = { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 } as const;
    const [step] = planOf('a').steps;
    const story = new Story({ ...planOf('a'), steps: step === undefined ? [] : [{ ...step, actionPolicy: { ...ONCE, retry } }] });
    story.claim(ACTION).suspends(ACTION).happens({ type: 'wait-over', operation: ACTION, fence: 3, seed: 0 });
    story.claim(undo(1)).succeeds(undo(1));
    expect(story.asksLate().decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });

  it('is no news when the answer was there before it', () => {
    const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).answers('approved');
    expect(story.asksLate().decision?.kind).toBe('ignored');
  });

  it.each([[{ kind: 'timer' }], [{ kind: 'signal', name: 's' }], [{ kind: 'saga', sagaId: 'child' }]] satisfies [Wait][])(
    'means nothing when nobody outside was asked: %j',
    (wait) => {
      const story = new Story(planOf('a')).claim(undo(1)).succeeds(undo(1)).asksLate(wait);
      expect(story.decision).toEqual({ kind: 'ignored', reason: 'terminal' });
    },
  );
});
