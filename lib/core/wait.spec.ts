import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { CalledBackEvent, SagaEvent, SagaOrder } from './event';
import { startSaga } from './forward';
import { operationKey, type Operation, type OperationRef, type Wait } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from './plan';
import type { SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 2 };
const TWICE: OperationPolicy = { ...ONCE, retry: { attempts: 2, backoff: 'fixed', baseMs: 0, maxMs: 0 } };
const BOOKED: OperationPolicy = { ...ONCE, transactional: true };
const ACTION: OperationRef = { step: 0, direction: 'action', round: 1 };
const UNDO: OperationRef = { step: 0, direction: 'undo', round: 1 };
const DONE: CalledBackEvent['result'] = { kind: 'completed', output: 'approved' };
const REFUSED: CalledBackEvent['result'] = { kind: 'failed', error: { code: 'REFUSED', message: 'no' } };
const CALLBACK: Wait = { kind: 'callback' };
const SIGNAL: Wait = { kind: 'signal', name: 'approved' };

/** What happens to a saga of one step, unless more are given; each verb is one event. */
class Story {
  saga: SagaValue;
  decision: Decision | undefined;
  private readonly plan: Plan;

  constructor(...steps: readonly Partial<PlanStep>[]) {
    const made = (steps.length === 0 ? [{}] : steps).map((step, place): PlanStep => {
      return {
        name: `s${place}`,
        action: `do.${place}`,
        compensation: `undo.${place}`,
        dependsOn: [],
        actionPolicy: ONCE,
        undoPolicy: ONCE,
        ...step,
      };
    });
    this.plan = { format: PLAN_FORMAT, name: 'waiting', steps: made };
    this.saga = startSaga(this.plan, 'saga-1').saga;
  }

  happens(event: SagaEvent): this {
    this.decision = transition(this.plan, this.saga, event);
    if (this.decision.kind === 'moved') this.saga = this.decision.saga;
    return this;
  }

  claim(operation = ACTION): this {
    return this.happens({ type: 'claim', operation, claimId: `claim-${this.saga.rev}`, due: true });
  }

  suspends(operation = ACTION, wait: Wait = CALLBACK, timeoutMs: number | null = null): this {
    return this.happens({ type: 'suspended', ...this.claimOf(operation), wait, timeoutMs });
  }

  hears(result = DONE, operation = ACTION): this {
    return this.happens({ type: 'called-back', operation, result });
  }

  isOver(operation = ACTION): this {
    return this.happens({ type: 'wait-over', operation, fence: this.at(operation).fence, seed: 0 });
  }

  orders(type: SagaOrder['type']): this {
    return this.happens({ type, reason: null, actor: 'ann' });
  }

  completes(operation = ACTION): this {
    return this.happens({ type: 'completed', ...this.claimOf(operation), output: 'by its worker' });
  }

  fails(operation = ACTION): this {
    const error = { code: 'E', message: 'no' };
    const wish = { retryable: false, retryAfterMs: undefined, seed: 0 };
    return this.happens({ type: 'failed', ...this.claimOf(operation), error, outcome: 'failed', ...wish });
  }

  retries(step = 0): this {
    return this.happens({ type: 'retry-step', step, reason: null, actor: 'ann' });
  }

  at(operation = ACTION): Operation {
    const found = this.saga.operations.get(operationKey(operation));
    if (found === undefined) throw new Error(`no ${operationKey(operation)}`);
    return found;
  }

  /** Kinds of effects, without the history. */
  get effects(): readonly string[] {
    if (this.decision?.kind !== 'moved') return [`ignored: ${this.decision?.kind === 'ignored' ? this.decision.reason : ''}`];
    return this.decision.effects.flatMap(({ type }) => (type === 'record' ? [] : [type]));
  }

  private claimOf(operation: OperationRef) {
    const { fence, claimId } = this.at(operation);
    return { operation, fence, claimId: claimId ?? '' };
  }
}

describe('a word from outside', () => {
  it.each([
    ['before the wait begins', (story: Story) => story.claim()],
    ['while it waits', (story: Story) => story.claim().suspends()],
    ['between two attempts', (story: Story) => story.claim().suspends().isOver()],
    ['after a retry was ordered', (story: Story) => story.claim().suspends().retries()],
  ])('completes the step %s', (_when, prepare) => {
    const story = prepare(new Story({ actionPolicy: TWICE })).hears();
    expect([story.saga.state, story.at().state, story.at().output]).toEqual(['completed', 'completed', 'approved']);
  });

  it('that came before the wait leaves the handler nothing to say', () => {
    const story = new Story({}, { dependsOn: [0] }).claim();
    const { claimId } = story.at();
    story.hears().happens({ type: 'suspended', operation: ACTION, fence: 1, claimId: claimId ?? '', wait: CALLBACK, timeoutMs: null });
    expect([story.effects, story.at().state]).toEqual([['ignored: stale'], 'completed']);
  });

  it('fails the step that waits, with no other attempt, whatever its policy', () => {
    const story = new Story({ actionPolicy: TWICE }).claim().suspends().hears(REFUSED);
    expect([story.saga.state, story.at().state, story.at().error?.code]).toEqual(['failed', 'failed', 'REFUSED']);
  });

  it('of failure waits for the handler that still runs, and then counts', () => {
    const story = new Story().claim().hears(REFUSED);
    expect([story.saga.state, story.at().state]).toEqual(['started', 'running']);
    expect(story.suspends().saga.state).toBe('failed');
  });

  it('of failure and a handler that says it is done leave the outcome unknown', () => {
    const story = new Story().claim().hears(REFUSED).completes();
    expect([story.saga.state, story.at().state, story.at(UNDO).actionOutcome]).toEqual(['compensating', 'unknown', 'unknown']);
  });

  it.each([
    ['completed', DONE, REFUSED],
    ['failed', REFUSED, DONE],
  ] as const)('%s is not taken back by another', (state, first, second) => {
    const story = new Story({}, {}).claim().suspends().hears(first).hears(first);
    expect(story.effects[0]).toMatch('ignored');
    expect([story.hears(second).effects[0], story.at().state]).toEqual([expect.stringMatching('ignored'), state]);
  });

  it('of failure stays the first one also where an earlier attempt makes the outcome unknown', () => {
    const story = new Story({ actionPolicy: TWICE }).claim().suspends().isOver().claim().suspends().hears(REFUSED);
    expect([story.at().state, story.at(UNDO).actionOutcome]).toEqual(['unknown', 'unknown']);
    expect(story.claim(UNDO).completes(UNDO).hears(DONE).effects).toEqual(['ignored: terminal']);
  });

  it('is not heard of a step that nobody has begun', () => {
    expect(new Story().hears().effects).toEqual(['ignored: not-waiting']);
  });

  it('answers whoever is asked after the step, also before the question was claimed', () => {
    const asked = new Story({ verifyPolicy: ONCE }).claim().suspends().isOver();
    expect([asked.at().verifying, asked.at().claims]).toEqual([true, 0]);
    expect(asked.hears().saga.state).toBe('completed');
  });

  it('of failure does not cut the question short', () => {
    const story = new Story({ verifyPolicy: TWICE }).claim().hears(REFUSED).completes().claim();
    const { fence, claimId } = story.at();
    story.happens({ type: 'released', operation: ACTION, fence, claimId: claimId ?? '', interrupted: false });
    expect([story.at().verifying, story.at().state]).toEqual([true, 'started']);
  });
});

describe('a step in the transaction of its outcome', () => {
  it('is completed by a word from outside only when what it wrote is committed', () => {
    const story = new Story({ actionPolicy: BOOKED }).claim().hears();
    expect([story.at().state, story.at().output, story.at().fence]).toEqual(['running', 'approved', 1]);
    expect(story.suspends().saga.state).toBe('completed');
  });

  it('runs again when that was rolled back, and completes then', () => {
    const story = new Story({ actionPolicy: BOOKED }).claim().hears();
    const { fence, claimId } = story.at();
    story.happens({ type: 'lost', operation: ACTION, fence, claimId: claimId ?? '', error: { code: 'DB', message: 'gone' }, seed: 0 });
    expect(story.at().state).toBe('retrying');
    expect(story.claim().suspends().saga.state).toBe('completed');
  });

  it('is taken from its worker by a word of failure: nothing of it commits', () => {
    const story = new Story({ actionPolicy: BOOKED }).claim().hears(REFUSED);
    expect([story.saga.state, story.at().state, story.at().fence]).toEqual(['failed', 'failed', 2]);
  });

  it('that somebody outside has done is undone when its saga turns back meanwhile', () => {
    const story = new Story({ actionPolicy: BOOKED }).claim().hears().orders('cancel').fails();
    expect([story.saga.state, story.at().state, story.at(UNDO).actionOutcome]).toEqual(['compensating', 'completed', 'completed']);
  });
});

describe('a wait that is over', () => {
  it('is unknown, for whoever was asked may still do it', () => {
    const story = new Story().claim().suspends(ACTION, CALLBACK, 1_000).isOver();
    expect([story.saga.state, story.at().state, story.at().error?.code]).toEqual(['compensating', 'unknown', 'STEP_TIMEOUT']);
  });

  it('is followed by the attempts that are left', () => {
    const story = new Story({ actionPolicy: TWICE }).claim().suspends(ACTION, CALLBACK, 1_000).isOver();
    expect([story.at().state, story.effects]).toEqual(['started', ['dispatch']]);
    expect(story.claim().at().claims).toBe(2);
    expect(story.suspends().hears().saga.state).toBe('completed');
  });

  it('for a time is what was wanted; for a signal it is a failure', () => {
    expect(new Story().claim().suspends(ACTION, { kind: 'timer' }, 1_000).isOver().saga.state).toBe('completed');
    const story = new Story().claim().suspends(ACTION, SIGNAL, 1_000).isOver();
    expect([story.saga.state, story.at().error?.code]).toEqual(['failed', 'SIGNAL_TIMEOUT']);
  });

  it('is not over while the saga is paused, nor for an earlier attempt', () => {
    const story = new Story().claim().suspends(ACTION, CALLBACK, 1_000).orders('pause').isOver();
    expect(story.effects).toEqual(['ignored: paused']);
    story.orders('resume').happens({ type: 'wait-over', operation: ACTION, fence: 0, seed: 0 });
    expect(story.effects).toEqual(['ignored: not-waiting']);
  });
});

describe('a saga that turns back', () => {
  it.each([
    [CALLBACK, 'unknown'],
    [{ kind: 'saga', sagaId: 'child' }, 'unknown'],
    [SIGNAL, 'skipped'],
    [{ kind: 'timer' }, 'skipped'],
  ] as const)('leaves what waits for %j as %s', (wait, state) => {
    const story = new Story().claim().suspends(ACTION, wait).orders('cancel');
    expect([story.at().state, story.at().fence]).toEqual([state, 2]);
  });

  it('does not begin to wait any more', () => {
    const story = new Story().claim().orders('cancel').suspends();
    expect([story.saga.state, story.at().state, story.at(UNDO).state]).toEqual(['compensating', 'unknown', 'started']);
  });

  it('keeps asking after what somebody outside may have done, until there is an answer or none', () => {
    const story = new Story({ verifyPolicy: ONCE }).claim().suspends().orders('cancel').claim();
    const { fence, claimId } = story.at();
    story.happens({ type: 'verified', operation: ACTION, fence, claimId: claimId ?? '', found: { kind: 'unknown' }, seed: 0 });
    expect([story.at().state, story.at(UNDO).actionOutcome]).toEqual(['unknown', 'unknown']);
  });

  it('undoes once more what comes after its undo had begun, once', () => {
    const story = new Story().claim().suspends().orders('cancel').claim(UNDO).completes(UNDO);
    expect(story.saga.state).toBe('compensated');
    story.hears();
    expect([story.saga.state, story.saga.attention, story.effects]).toEqual(['compensated', true, ['dispatch', 'attention']]);
    expect(story.at({ ...UNDO, round: 2 })).toMatchObject({ state: 'started', actionOutcome: 'completed' });
    expect(story.hears().effects).toEqual(['ignored: terminal']);
    story.claim({ ...UNDO, round: 2 }).completes({ ...UNDO, round: 2 });
    expect([story.saga.attention, story.hears().effects]).toEqual([false, ['ignored: terminal']]);
  });

  it('hears also of a step that was interrupted, and of one that a person went on without', () => {
    const interrupted = new Story().claim();
    const { fence, claimId } = interrupted.at();
    interrupted.happens({ type: 'released', operation: ACTION, fence, claimId: claimId ?? '', interrupted: true }).orders('cancel');
    const skipped = new Story({}, {})
      .claim()
      .suspends()
      .happens({ type: 'skip-step', step: 0, reason: null, actor: null })
      .orders('cancel');
    for (const story of [interrupted, skipped]) {
      story.claim(UNDO).completes(UNDO).hears();
      expect([story.saga.state, story.saga.attention]).toEqual(['compensated', true]);
    }
  });
});

describe('an undo that waits', () => {
  const turned = (...steps: readonly Partial<PlanStep>[]): Story => new Story(...steps).claim().completes();
  const waiting = (): Story => turned({}, {}).orders('cancel').claim(UNDO).suspends(UNDO);

  it('is done when somebody outside says so', () => {
    expect(waiting().hears(DONE, UNDO).saga.state).toBe('compensated');
  });

  it('is given up when it failed; a person asks again, and another answer counts', () => {
    const story = waiting().hears(REFUSED, UNDO);
    expect([story.saga.state, story.at(UNDO).state]).toEqual(['stuck', 'failed']);
    story.retries().claim(UNDO).suspends(UNDO);
    expect(story.hears(DONE, UNDO).saga.state).toBe('compensated');
  });

  it('is done after all when the answer comes after it was given up', () => {
    const story = waiting().isOver(UNDO);
    expect(story.saga.state).toBe('stuck');
    expect(story.hears(DONE, UNDO).saga.state).toBe('compensated');
  });

  it('keeps its saga from being stuck, and nothing else waiting', () => {
    const of = (step: number): OperationRef => ({ ...UNDO, step });
    const story = new Story({}, {}, {}, {});
    for (const step of [0, 1, 2]) story.claim({ ...ACTION, step }).completes({ ...ACTION, step });
    Object.assign((story as unknown as { plan: { onStuck?: string } }).plan, { onStuck: 'continue' });
    story.orders('cancel').claim(of(2)).fails(of(2)).claim(of(1)).suspends(of(1));
    story.retries(2).claim(of(2)).fails(of(2));
    expect([story.saga.state, story.at(of(1)).state, story.at(of(0)).state]).toEqual(['compensating', 'waiting', 'started']);
  });
});

describe('a signal', () => {
  const take = (signalId: string, operation = ACTION, name = 'approved'): SagaEvent => {
    return { type: 'called-back', operation, result: { kind: 'completed', output: signalId }, takes: { name, signalId } };
  };
  const second: OperationRef = { ...ACTION, step: 1 };

  it('completes the step that waits for its name, and no other', () => {
    const story = new Story({}, {}).claim().suspends(ACTION, SIGNAL).claim(second).suspends(second, { kind: 'signal', name: 'else' });
    expect(story.happens(take('s-1', second)).effects).toEqual(['ignored: not-waiting']);
    expect(story.happens(take('s-1')).at()).toMatchObject({ state: 'completed', output: 's-1', wait: { taken: 's-1' } });
  });

  it('is taken once', () => {
    const story = new Story({}, {}).claim().suspends(ACTION, SIGNAL).claim(second).suspends(second, SIGNAL);
    expect(story.happens(take('s-1')).happens(take('s-1', second)).effects).toEqual(['ignored: taken']);
    expect(story.happens(take('s-2', second)).saga.state).toBe('completed');
  });

  it('wakes nobody by a wake-up: only the end of another saga is looked for by a handler', () => {
    const story = new Story().claim().suspends(ACTION, SIGNAL).happens({ type: 'woken', operation: ACTION });
    expect(story.effects).toEqual(['ignored: not-waiting']);
    const parent = new Story().claim().suspends(ACTION, { kind: 'saga', sagaId: 'child' }).happens({ type: 'woken', operation: ACTION });
    expect([parent.at().state, parent.at().claims, parent.effects]).toEqual(['started', 0, ['dispatch']]);
  });
});

describe('a person', () => {
  it('has a waiting step asked again: the attempt does not count, and both may be answered', () => {
    const story = new Story().claim().suspends().retries();
    expect([story.at().state, story.at().claims, story.effects]).toEqual(['started', 0, ['dispatch']]);
    expect(story.claim().fails().at().state).toBe('unknown');
  });

  it('does not have a pause begin again, but may skip it', () => {
    const story = new Story({}, {}).claim().suspends(ACTION, { kind: 'timer' }, 1_000);
    expect(story.retries().effects).toEqual(['ignored: not-claimable']);
    expect(story.happens({ type: 'skip-step', step: 0, reason: null, actor: null }).at().state).toBe('skipped');
  });

  it('cannot call failed what whoever was asked has called done', () => {
    const story = new Story({ actionPolicy: BOOKED }).claim().hears();
    const error = { code: 'BY_HAND', message: 'no' };
    story.happens({ type: 'reported', operation: ACTION, result: { kind: 'failed', error }, actor: 'ann' });
    expect(story.effects).toEqual(['ignored: not-claimable']);
  });
});
