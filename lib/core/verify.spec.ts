import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { ClaimEvent, SagaEvent, VerifiedEvent } from './event';
import { startSaga } from './forward';
import type { Operation, OperationRef } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 1 };
const ASK_TWICE: OperationPolicy = { timeoutMs: 50, retry: { attempts: 2, backoff: 'fixed', baseMs: 1_000, maxMs: 1_000 }, losses: 1 };
const action = (step = 0): OperationRef => ({ step, direction: 'action', round: 1 });
const undo = (step = 0, round = 1): OperationRef => ({ step, direction: 'undo', round });

/** `a` can be asked after; `b` follows it, or runs beside it. */
function planOf(of: Partial<PlanStep> = {}, onStuck: 'halt' | 'continue' = 'halt', after: readonly number[] = [0]): Plan {
  const step = (name: string, more: Partial<PlanStep>): PlanStep => {
    return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn: [], actionPolicy: ONCE, undoPolicy: ONCE, ...more };
  };
  const steps = [step('a', { verifyPolicy: ASK_TWICE, ...of }), step('b', { dependsOn: after })];
  return { format: PLAN_FORMAT, name: 'asked', ...(onStuck === 'continue' && { onStuck }), steps };
}

class Story {
  saga: SagaValue;
  decision: Decision = { kind: 'ignored', reason: 'stale' };

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
  }

  happens(event: SagaEvent): this {
    this.decision = transition(this.plan, this.saga, event);
    if (this.decision.kind === 'moved') this.saga = this.decision.saga;
    return this;
  }

  claim(of: OperationRef, how: Partial<ClaimEvent> = {}): this {
    return this.happens({ type: 'claim', operation: of, claimId: `claim-${this.saga.rev}`, due: true, ...how });
  }

  succeeds(of: OperationRef, output: string = 'done'): this {
    return this.happens({ type: 'completed', ...this.running(of), output });
  }

  fails(of: OperationRef, how: Partial<Extract<SagaEvent, { type: 'failed' }>> = {}): this {
    const error = { code: 'E', message: 'no' };
    const rest = { outcome: 'failed', retryable: undefined, retryAfterMs: undefined, seed: 0 } as const;
    return this.happens({ type: 'failed', ...this.running(of), error, ...rest, ...how });
  }

  /** Says nothing within its timeout and the grace after it. */
  timesOut(of: OperationRef, elapsedMs = 0): this {
    this.saga = withOperations(this.saga, [{ ...this.operation(of), timedOut: true }]);
    return this.happens({ type: 'lease-expired', ...this.running(of), elapsedMs, seed: 0 });
  }

  dies(of: OperationRef): this {
    return this.happens({ type: 'lease-expired', ...this.running(of), seed: 0 });
  }

  answers(found: VerifiedEvent['found'], elapsedMs = 0): this {
    return this.happens({ type: 'verified', ...this.running(action()), found, elapsedMs, seed: 0 });
  }

  /** The attempt that was given up comes to its end after all. */
  comesLate(fence = 1): this {
    return this.happens({ type: 'completed', operation: action(), fence, claimId: 'claim-1', output: 'late' });
  }

  compensate(): this {
    return this.happens({ type: 'compensate', reason: null, actor: null });
  }

  operation(of: OperationRef): Operation {
    const found = operationOf(this.saga, of);
    if (found === undefined) throw new Error(`no ${of.direction} of step ${of.step}`);
    return found;
  }

  get effects(): readonly string[] {
    if (this.decision.kind !== 'moved') return [this.decision.kind];
    return this.decision.effects.flatMap((effect) =>
      effect.type === 'dispatch' ? [effect.key] : effect.type === 'record' ? [] : [effect.type],
    );
  }

  private running(of: OperationRef) {
    const { fence, claimId } = this.operation(of);
    return { operation: of, fence, claimId: claimId ?? 'none' };
  }
}

const asked = (plan = planOf()): Story => new Story(plan).claim(action()).timesOut(action());

describe('an action of unknown outcome that can be asked after', () => {
  it('is asked after before anything is undone, with budgets of its own', () => {
    const story = asked();
    expect(story.saga.state).toBe('started');
    expect(story.operation(action())).toMatchObject({ state: 'started', verifying: true, claims: 0, losses: 0, hadUnknown: true });
    expect(story.effects).toEqual(['do.a']);
  });

  it('is first tried again as its own policy says', () => {
    const retry = { attempts: 2, backoff: 'fixed', baseMs: 10, maxMs: 10 } as const;
    const story = asked(planOf({ actionPolicy: { ...ONCE, retry } }));
    expect(story.operation(action())).toMatchObject({ state: 'retrying', verifying: false });
    story.claim(action()).fails(action());
    expect(story.operation(action())).toMatchObject({ state: 'started', verifying: true });
  });

  it('goes forward with the output that was found', () => {
    const story = asked().claim(action()).answers({ kind: 'done', output: 'found' });
    expect(story.saga.state).toBe('started');
    expect(story.operation(action())).toMatchObject({ state: 'completed', output: 'found', error: null });
    expect(story.effects).toEqual(['do.b']);
  });

  it('has failed when it is found not done, and is not undone', () => {
    const story = asked().claim(action()).answers({ kind: 'not-done' });
    expect(story.operation(action()).state).toBe('failed');
    expect(story.saga.state).toBe('failed');
    expect(story.saga.cause).toMatchObject({ kind: 'step-failed', error: { code: 'STEP_TIMEOUT' } });
  });

  it('is undone as failed when it is found not done and its step asks for that', () => {
    const story = asked(planOf({ compensateOnFailure: true }))
      .claim(action())
      .answers({ kind: 'not-done' });
    expect(story.operation(undo())).toMatchObject({ state: 'started', actionOutcome: 'failed' });
  });

  it('is asked after again while the answer is unknown, and undone when the attempts are used up', () => {
    const story = asked().claim(action()).answers({ kind: 'unknown' });
    expect(story.operation(action())).toMatchObject({ state: 'retrying', verifying: true });
    story.claim(action()).answers({ kind: 'unknown' });
    expect(story.operation(action()).state).toBe('unknown');
    expect(story.operation(undo())).toMatchObject({ state: 'started', actionOutcome: 'unknown' });
  });

  it('is undone when whoever is asked only throws, times out or dies', () => {
    const throwing = asked().claim(action()).fails(action()).claim(action()).fails(action());
    const silent = asked().claim(action()).timesOut(action()).claim(action()).timesOut(action());
    const dying = asked();
    for (let deaths = 0; deaths < 4 && dying.operation(action()).state !== 'unknown'; deaths++)
      dying.claim(action(), { alone: true }).dies(action());
    for (const story of [throwing, silent, dying]) {
      expect(story.operation(action()).state).toBe('unknown');
      expect(story.operation(undo()).actionOutcome).toBe('unknown');
    }
  });

  it('is not asked after any longer than the time of the question allows', () => {
    const retry = { attempts: 9, backoff: 'fixed', baseMs: 10, maxMs: 10, maxElapsedMs: 1_000 } as const;
    const plan = planOf({ verifyPolicy: { ...ASK_TWICE, retry } });
    expect(asked(plan).claim(action()).answers({ kind: 'unknown' }, 990).operation(action()).state).toBe('retrying');
    expect(asked(plan).claim(action()).answers({ kind: 'unknown' }, 991).operation(action()).state).toBe('unknown');
  });

  it('is not claimed by a process that cannot ask', () => {
    expect(asked().claim(action(), { canVerify: false }).decision).toEqual({ kind: 'ignored', reason: 'no-verifier' });
    expect(new Story(planOf()).claim(action(), { canVerify: false }).decision.kind).toBe('moved');
  });

  it('is asked after also when its action is paused everywhere or the deadline of its saga has passed', () => {
    expect(asked().claim(action(), { actionPaused: true, pastDeadline: true }).decision.kind).toBe('moved');
  });

  it('is not asked after when its handler runs in the transaction of its outcome: it is never unknown', () => {
    const story = asked(planOf({ actionPolicy: { ...ONCE, transactional: true } }));
    expect(story.operation(action())).toMatchObject({ state: 'failed', verifying: false, hadUnknown: false });
  });
});

describe('a saga that turns back while one of its actions is asked after', () => {
  const turning = (): Story => asked().claim(action()).compensate();

  it('waits for the answer, and does not tell whoever asks to stop', () => {
    const story = turning();
    expect(story.saga).toMatchObject({ state: 'compensating', openActions: 1 });
    expect(story.effects).toEqual([]);
  });

  it('undoes what was found done, with its output', () => {
    const story = turning().answers({ kind: 'done', output: 'found' });
    expect(story.operation(undo())).toMatchObject({ state: 'started', actionOutcome: 'completed' });
  });

  it('undoes nothing when it was found not done', () => {
    expect(turning().answers({ kind: 'not-done' }).saga.state).toBe('failed');
  });

  it('goes on asking', () => {
    const story = turning().answers({ kind: 'unknown' });
    expect(story.operation(action()).state).toBe('retrying');
    story.claim(action()).answers({ kind: 'done', output: 'found' });
    expect(story.operation(undo()).actionOutcome).toBe('completed');
  });

  it('begins to ask after an action that was between two attempts, one of which is unknown', () => {
    const retry = { attempts: 2, backoff: 'fixed', baseMs: 10, maxMs: 10 } as const;
    const story = asked(planOf({ actionPolicy: { ...ONCE, retry } })).compensate();
    expect(story.operation(action())).toMatchObject({ state: 'started', verifying: true });
    expect(story.effects).toEqual(['do.a']);
    expect(story.claim(action()).answers({ kind: 'not-done' }).saga.state).toBe('failed');
  });

  it('begins to ask after an action whose process is lost meanwhile', () => {
    const story = new Story(planOf()).claim(action()).compensate().dies(action());
    expect(story.operation(action())).toMatchObject({ state: 'started', verifying: true });
  });
});

describe('an effect that comes late to an action that is asked after', () => {
  it('is the answer: the saga goes forward with it, and whoever asked is not heard any more', () => {
    const story = asked().claim(action()).comesLate();
    expect(story.operation(action())).toMatchObject({ state: 'completed', output: 'late', fence: 4 });
    expect(story.effects).toEqual(['do.b']);
    story.happens({ type: 'verified', operation: action(), fence: 3, claimId: 'claim-3', found: { kind: 'not-done' }, seed: 0 });
    expect(story.decision).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('is the answer also before anybody has asked, and when the saga has turned back', () => {
    expect(asked().comesLate().operation(action()).state).toBe('completed');
    const story = asked().compensate().comesLate();
    expect(story.operation(undo())).toMatchObject({ state: 'started', actionOutcome: 'completed' });
  });

  it('counts once', () => {
    expect(asked().comesLate().comesLate().decision).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('raises attention when it was found not done and the saga has ended, until it is undone', () => {
    const story = asked().claim(action()).answers({ kind: 'not-done' }).comesLate();
    expect(story.saga).toMatchObject({ state: 'failed', attention: true });
    expect(story.operation(undo(0, 2))).toMatchObject({ state: 'started', actionOutcome: 'completed' });
    story.claim(undo(0, 2)).succeeds(undo(0, 2));
    expect(story.saga).toMatchObject({ state: 'failed', attention: false });
  });

  it('is undone with the rest when it was found not done and the saga still waits for others', () => {
    const story = new Story(planOf({}, 'halt', [])).claim(action(1)).claim(action()).timesOut(action());
    story.claim(action()).answers({ kind: 'not-done' });
    expect(story.saga).toMatchObject({ state: 'compensating', openActions: 1 });
    story.happens({ type: 'completed', operation: action(), fence: 1, claimId: 'claim-2', output: 'late' });
    expect(story.operation(action()).state).toBe('completed');
    story.succeeds(action(1));
    expect(story.operation(undo()).actionOutcome).toBe('completed');
  });

  it('asks for a round of its own when its undo waits to be told that it failed', () => {
    const story = asked(planOf({ compensateOnFailure: true })).claim(action());
    story.answers({ kind: 'not-done' }).comesLate();
    expect(story.operation(undo())).toMatchObject({ state: 'started', actionOutcome: 'failed' });
    expect(story.operation(undo(0, 2))).toMatchObject({ state: 'pending', actionOutcome: 'completed' });
  });

  it('is heard when a person had said meanwhile that the step failed', () => {
    const story = new Story(planOf()).claim(action());
    const error = { code: 'BY_HAND', message: 'the bank says no' };
    story.happens({ type: 'reported', operation: action(), result: { kind: 'failed', error }, actor: 'ann' });
    expect(story.saga.state).toBe('failed');
    expect(story.comesLate().saga).toMatchObject({ state: 'failed', attention: true });
  });

  it('is heard when a person had skipped the step, if its undo has been tried', () => {
    const retry = { attempts: 2, backoff: 'fixed', baseMs: 10, maxMs: 10 } as const;
    const story = asked(planOf({ actionPolicy: { ...ONCE, retry } }));
    story.happens({ type: 'skip-step', step: 0, reason: null, actor: 'ann' }).compensate();
    expect(story.operation(undo()).actionOutcome).toBe('unknown');
    story.claim(undo()).succeeds(undo());
    expect(story.comesLate().saga).toMatchObject({ state: 'compensated', attention: true });
  });

  it('is not heard when a person had ended the saga as it was', () => {
    const story = asked().claim(action()).answers({ kind: 'not-done' });
    const other = new Story(planOf({}, 'halt', [])).claim(action(1)).claim(action()).timesOut(action()).claim(action());
    other.answers({ kind: 'not-done' }).happens({ type: 'terminate', reason: null, actor: 'ann' });
    expect(story.saga.cause?.kind).toBe('step-failed');
    const late = { type: 'completed', operation: action(), fence: 1, claimId: 'claim-2', output: 'late' } as const;
    expect(other.happens(late).decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });
});

describe('a request to somebody outside that comes late to an action that is asked after', () => {
  const asks: SagaEvent = {
    type: 'suspended',
    operation: action(),
    fence: 1,
    claimId: 'claim-1',
    wait: { kind: 'callback' },
    timeoutMs: null,
  };

  it('has it asked after anew, at no cost: what is found meanwhile may be older than the request', () => {
    const story = asked().claim(action()).happens(asks);
    expect(story.operation(action())).toMatchObject({ state: 'started', verifying: true, claims: 0 });
    expect(story.effects).toEqual(['do.a']);
    story.happens({ type: 'verified', operation: action(), fence: 3, claimId: 'claim-3', found: { kind: 'not-done' }, seed: 0 });
    expect(story.decision).toEqual({ kind: 'ignored', reason: 'stale' });
    expect(story.happens(asks).decision).toEqual({ kind: 'ignored', reason: 'stale' });
    story.claim(action()).answers({ kind: 'done', output: 'found' });
    expect(story.operation(action()).state).toBe('completed');
  });

  it('changes nothing when nobody is asking at that moment: whoever is next finds it', () => {
    expect(asked().happens(asks).decision).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('is undone as unknown when it was found not done before', () => {
    const story = asked().claim(action()).answers({ kind: 'not-done' }).happens(asks);
    expect(story.saga).toMatchObject({ state: 'failed', attention: true });
    expect(story.operation(undo(0, 2))).toMatchObject({ state: 'started', actionOutcome: 'unknown' });
  });

  it('is undone with the rest when it was found not done and the saga still waits for others', () => {
    const story = new Story(planOf({}, 'halt', [])).claim(action(1)).claim(action()).timesOut(action());
    story
      .claim(action())
      .answers({ kind: 'not-done' })
      .happens({ ...asks, claimId: 'claim-2' });
    expect(story.operation(action()).state).toBe('unknown');
    story.succeeds(action(1));
    expect(story.operation(undo()).actionOutcome).toBe('unknown');
  });
});

describe('a step that asks to be undone also when it failed', () => {
  it('is undone with the outcome `failed`, and before the steps it was built on', () => {
    const plan = planOf();
    const [a, b] = plan.steps as [PlanStep, PlanStep];
    const story = new Story({ ...plan, steps: [a, { ...b, compensateOnFailure: true }] });
    story.claim(action()).succeeds(action()).claim(action(1)).fails(action(1));
    expect(story.operation(undo(1))).toMatchObject({ state: 'started', actionOutcome: 'failed' });
    expect(story.operation(undo(0)).state).toBe('pending');
    expect(story.claim(undo(1)).succeeds(undo(1)).claim(undo(0)).succeeds(undo(0)).saga.state).toBe('compensated');
  });

  it('is not undone when it never began', () => {
    const plan = planOf({}, 'halt', []);
    const [a, b] = plan.steps as [PlanStep, PlanStep];
    const story = new Story({ ...plan, steps: [a, { ...b, compensateOnFailure: true }] }).claim(action()).fails(action());
    expect(story.saga.state).toBe('failed');
    expect(operationOf(story.saga, undo(1))).toBeUndefined();
  });
});

describe('a saga that goes on past a stuck undo', () => {
  /** A third step that fails turns the two back. */
  const stuckOn = (onStuck: 'halt' | 'continue', after: readonly number[]): Story => {
    const plan = planOf({ dependsOn: [] }, onStuck, after);
    const [a, b] = plan.steps as [PlanStep, PlanStep];
    const c: PlanStep = { ...b, name: 'c', action: 'do.c', compensation: null, dependsOn: [0, 1] };
    const story = new Story({ ...plan, steps: [a, b, c] });
    story.claim(action()).succeeds(action()).claim(action(1)).succeeds(action(1)).claim(action(2)).fails(action(2));
    return story.claim(undo(1)).fails(undo(1), { retryable: false });
  };

  it('undoes what the stuck one was not built on, then says stuck, and completes when it is tried again', () => {
    const story = stuckOn('continue', []);
    expect(story.saga.state).toBe('compensating'); // the undo of `a` was asked for at the same time
    story.claim(undo(0)).succeeds(undo(0));
    expect(story.saga.state).toBe('stuck');
    expect(story.effects).toEqual(['ended']);
    story.compensate().claim(undo(1)).succeeds(undo(1));
    expect(story.saga.state).toBe('compensated');
  });

  it('leaves alone what the stuck one was built on', () => {
    const story = stuckOn('continue', [0]);
    expect(story.saga.state).toBe('stuck');
    expect(story.operation(undo(0)).state).toBe('pending');
    story.compensate().claim(undo(1)).succeeds(undo(1)).claim(undo(0)).succeeds(undo(0));
    expect(story.saga.state).toBe('compensated');
  });

  it('is stuck once, however many words come for one of several given up undos', () => {
    const plan = planOf({ dependsOn: [] }, 'continue', []);
    const [a, b] = plan.steps as [PlanStep, PlanStep];
    const c: PlanStep = { ...b, name: 'c', action: 'do.c', compensation: null, dependsOn: [0, 1] };
    const story = new Story({ ...plan, steps: [a, b, c] }).claim(action()).succeeds(action()).claim(action(1)).succeeds(action(1));
    story.claim(action(2)).fails(action(2)).claim(undo(1)).fails(undo(1), { retryable: false });
    story.claim(undo(0)).fails(undo(0), { retryable: false });
    expect([story.saga.state, story.effects]).toEqual(['stuck', ['ended']]);
    story.happens({ type: 'reported', operation: undo(1), result: { kind: 'completed', output: null }, actor: 'ann' });
    expect([story.saga.state, story.effects]).toEqual(['stuck', []]);
  });

  it('is stuck when what was under way has come to its end, if it is told to halt', () => {
    const story = stuckOn('halt', []);
    expect(story.saga.state).toBe('compensating');
    story.claim(undo(0)).succeeds(undo(0));
    expect(story.saga.state).toBe('stuck');
  });
});

describe('a terminated saga', () => {
  it('takes no word for an undo that was cut off: a late effect elsewhere still needs attention', () => {
    const story = new Story(planOf()).claim(action()).succeeds(action()).claim(action(1)).timesOut(action(1));
    const { claimId } = story.operation(action(1));
    story.claim(undo(1)).succeeds(undo(1)).claim(undo()).happens({ type: 'terminate', reason: null, actor: 'ann' });
    story.happens({ type: 'completed', operation: action(1), fence: 1, claimId: claimId ?? '', output: 'late' });
    expect(story.saga).toMatchObject({ state: 'failed', attention: true, openUndos: 1 });
    const word = { type: 'reported', result: { kind: 'completed', output: null }, actor: 'ann' } as const;
    expect(story.happens({ ...word, operation: undo() }).saga).toMatchObject({ attention: true, openUndos: 1 });
    expect(story.happens({ ...word, operation: undo(1) }).saga).toMatchObject({ attention: false, openUndos: 0 });
  });

  it('has only the late round tried again, not the undo that was cut off', () => {
    const story = new Story(planOf({ verifyPolicy: ONCE })).claim(action()).timesOut(action()).claim(action());
    story.answers({ kind: 'unknown' }).claim(undo()).happens({ type: 'terminate', reason: null, actor: 'ann' });
    expect(story.comesLate().saga).toMatchObject({ state: 'failed', attention: true });
    story.claim(undo(0, 2)).fails(undo(0, 2), { retryable: false }).compensate();
    expect([story.operation(undo()).state, story.operation(undo(0, 2)).state]).toEqual(['unknown', 'started']);
  });
});
