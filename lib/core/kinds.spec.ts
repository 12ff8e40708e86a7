import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import { operationKey, type OperationRef, type OperationState } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan, type PlanStep } from './plan';
import { operationOf, type SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 1 };
const TWICE: OperationPolicy = { ...ONCE, retry: { attempts: 2, backoff: 'exponential', baseMs: 100, maxMs: 8_000 } };
const ASKED = { kind: 'asked', reason: 'off', actor: 'ann' } as const;

function step(name: string, dependsOn: readonly number[], more: Partial<PlanStep> = {}): PlanStep {
  return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn, actionPolicy: ONCE, undoPolicy: ONCE, ...more };
}

const planOf = (...steps: readonly PlanStep[]): Plan => ({ format: PLAN_FORMAT, name: 'journey', steps });
const PIVOT = { kind: 'pivot', compensation: null, actionPolicy: TWICE } as const;
const RETRIABLE = { kind: 'retriable', compensation: null, actionPolicy: TWICE } as const;
/** Reserve, charge, issue. */
const JOURNEY = planOf(step('reserve', []), step('charge', [0], PIVOT), step('issue', [1], RETRIABLE));

class Story {
  saga: SagaValue;
  decision: Decision | undefined;

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
  }

  happens(event: SagaEvent): this {
    this.decision = transition(this.plan, this.saga, event);
    if (this.decision.kind === 'moved') this.saga = this.decision.saga;
    return this;
  }

  claims(step: number): this {
    return this.happens({ type: 'claim', operation: action(step), claimId: `claim-${this.saga.rev}`, due: true });
  }

  completes(step: number, more: { readonly finishes?: boolean } = {}): this {
    return this.happens({ type: 'completed', ...this.of(step), output: null, ...more });
  }

  fails(step: number, outcome: 'failed' | 'unknown' = 'failed', retryable: boolean | undefined = false): this {
    const error = { code: 'E', message: 'no' };
    return this.happens({ type: 'failed', ...this.of(step), error, outcome, retryable, retryAfterMs: undefined, seed: 0.5 });
  }

  suspends(step: number, kind: 'callback' | 'timer' = 'callback'): this {
    return this.happens({ type: 'suspended', ...this.of(step), wait: { kind }, timeoutMs: null });
  }

  calledBack(step: number, kind: 'completed' | 'failed'): this {
    const result = kind === 'completed' ? { kind, output: 'outside' } : { kind, error: { code: 'OUTSIDE', message: 'no' } };
    return this.happens({ type: 'called-back', operation: action(step), result });
  }

  said(step: number, kind: 'completed' | 'failed'): this {
    const result = kind === 'completed' ? { kind, output: 'by hand' } : { kind, error: { code: 'BY_HAND', message: 'no' } };
    return this.happens({ type: 'reported', operation: action(step), result, actor: 'ann' });
  }

  cancels(): this {
    return this.happens({ type: 'cancel', reason: 'off', actor: 'ann' });
  }

  state(step: number): OperationState | undefined {
    return operationOf(this.saga, action(step))?.state;
  }

  get effects(): readonly string[] {
    if (this.decision?.kind !== 'moved') return [];
    return this.decision.effects.map((effect) =>
      effect.type === 'dispatch' ? `${operationKey(effect.operation)} in ${effect.inMs}` : effect.type,
    );
  }

  private of(step: number): { readonly operation: OperationRef; readonly fence: number; readonly claimId: string } {
    const operation = operationOf(this.saga, action(step));
    return { operation: action(step), fence: operation?.fence ?? 0, claimId: operation?.claimId ?? '' };
  }
}

function action(step: number): OperationRef {
  return { step, direction: 'action', round: 1 };
}

const charging = (): Story => new Story(JOURNEY).claims(0).completes(0).claims(1);

describe('a pivot that somebody outside is to end', () => {
  it('keeps a wish to turn back waiting, and its word decides', () => {
    const forward = charging().suspends(1).cancels();
    expect([forward.saga.state, forward.saga.turning]).toEqual(['started', ASKED]);
    forward.calledBack(1, 'completed');
    expect(forward.saga).toMatchObject({ state: 'started', pastPivot: true, attention: true, turning: ASKED });
    const back = charging().suspends(1).cancels().calledBack(1, 'failed');
    expect(back.saga).toMatchObject({ state: 'compensating', cause: ASKED, turning: null });
  });

  it('may begin to wait when there is such a wish already', () => {
    const story = charging().cancels().suspends(1);
    expect([story.saga.state, story.state(1)]).toEqual(['started', 'waiting']);
  });

  it('stops the saga when nobody comes', () => {
    const story = charging().suspends(1).cancels();
    story.happens({ type: 'wait-over', operation: action(1), fence: operationOf(story.saga, action(1))?.fence ?? 0, seed: 0 });
    expect([story.saga.state, story.state(1), story.saga.cause]).toEqual(['stuck', 'unknown', ASKED]);
    story.calledBack(1, 'completed');
    expect(story.saga).toMatchObject({ state: 'started', pastPivot: true, attention: true, cause: null });
    expect(story.effects).toContain('action:2:1 in 0');
  });
});

describe('a pivot between two attempts', () => {
  it('lets the saga turn back at once when it has failed by its own word', () => {
    const story = charging().fails(1, 'failed', true).cancels();
    expect([story.saga.state, story.state(1), story.saga.turning]).toEqual(['compensating', 'failed', null]);
  });

  it('stops the saga when one attempt may have taken effect', () => {
    const story = charging().fails(1, 'unknown', true);
    expect(story.state(1)).toBe('retrying');
    story.cancels();
    expect(story.saga).toMatchObject({ state: 'stuck', turning: ASKED, cause: ASKED });
    expect(story.effects).toEqual(['ended', 'record']);
  });

  it('is not tried again when it fails and the saga is to turn back', () => {
    const story = charging().cancels().fails(1, 'failed', true);
    expect([story.saga.state, story.saga.cause]).toEqual(['compensating', ASKED]);
  });

  it('goes forward when somebody outside has said that it is done, also when the attempt that was to write that was rolled back', () => {
    const booking = { ...PIVOT, actionPolicy: { ...TWICE, transactional: true } } as const;
    const story = new Story(planOf(step('reserve', []), step('charge', [0], booking), step('issue', [1], RETRIABLE)));
    story.claims(0).completes(0).claims(1).calledBack(1, 'completed').fails(1, 'failed', true);
    expect(story.state(1)).toBe('retrying');
    expect(story.cancels().saga).toMatchObject({ state: 'started', pastPivot: true, attention: true, turning: ASKED });
    expect([story.state(1), story.effects]).toEqual(['completed', ['action:2:1 in 0', 'attention', 'record']]);
  });

  it('that was given back untried lets the saga turn back', () => {
    const story = charging().cancels();
    const { fence, claimId } = operationOf(story.saga, action(1)) ?? { fence: 0, claimId: '' };
    story.happens({ type: 'released', operation: action(1), fence, claimId: claimId ?? '', interrupted: false });
    expect([story.saga.state, story.state(1)]).toEqual(['compensating', 'skipped']);
  });
});

describe('a pivot that was left out', () => {
  it('is passed all the same, for what comes after it is not undone', () => {
    const story = new Story(JOURNEY).claims(0).happens({ type: 'skip-step', step: 1, reason: null, actor: null });
    expect(story.saga.pastPivot).toBe(false);
    expect(story.completes(0).saga).toMatchObject({ state: 'started', pastPivot: true });
    expect(story.cancels().decision).toEqual({ kind: 'ignored', reason: 'past-pivot' });
  });
});

describe('a pivot that comes late', () => {
  it('answers the question of a stuck saga', () => {
    // The first attempt is given up as its lease ends, and then says that it took effect.
    const zombie = charging();
    const { fence, claimId } = operationOf(zombie.saga, action(1)) ?? { fence: 0, claimId: '' };
    zombie.happens({ type: 'lease-expired', operation: action(1), fence, claimId: claimId ?? '', seed: 0 }).cancels();
    expect(zombie.saga.state).toBe('stuck');
    zombie.happens({ type: 'completed', operation: action(1), fence, claimId: claimId ?? '', output: 'late' });
    expect(zombie.saga).toMatchObject({ state: 'started', pastPivot: true, attention: true });
  });

  it('answers with everything it has said: the context that it set, and that its saga is to end with it', () => {
    const zombie = charging();
    const { fence, claimId } = operationOf(zombie.saga, action(1)) ?? { fence: 0, claimId: '' };
    const said = { operation: action(1), fence, claimId: claimId ?? '' } as const;
    zombie.happens({ type: 'lease-expired', ...said, seed: 0 }).cancels();
    zombie.happens({ type: 'completed', ...said, output: 'late', finishes: true, contextPatch: { paid: true } });
    expect(zombie.saga).toMatchObject({ state: 'completed', pastPivot: true, finishedBy: 1 });
    expect([zombie.state(2), zombie.effects]).toEqual(['skipped', ['ended', 'attention', 'context', 'record']]);
  });

  it('that ends its saga waits for what still runs', () => {
    const zombie = new Story(planOf(step('charge', [], PIVOT), step('issue', [], RETRIABLE))).claims(1).claims(0);
    const { fence, claimId } = operationOf(zombie.saga, action(0)) ?? { fence: 0, claimId: '' };
    const said = { operation: action(0), fence, claimId: claimId ?? '' } as const;
    zombie.happens({ type: 'lease-expired', ...said, seed: 0 }).cancels();
    expect(zombie.saga.state).toBe('stuck');
    zombie.happens({ type: 'completed', ...said, output: 'late', finishes: true });
    expect(zombie.saga).toMatchObject({ state: 'started', finishedBy: 0, openActions: 1 });
    expect(zombie.completes(1).saga).toMatchObject({ state: 'completed', openActions: 0 });
  });

  it('raises attention when a person had said that it failed, until somebody has seen it', () => {
    const zombie = charging();
    const { fence, claimId } = operationOf(zombie.saga, action(1)) ?? { fence: 0, claimId: '' };
    zombie.said(1, 'failed');
    expect(zombie.saga.state).toBe('compensating');
    zombie.happens({ type: 'completed', operation: action(1), fence, claimId: claimId ?? '', output: 'late' });
    expect(zombie.saga).toMatchObject({ state: 'compensating', attention: true });
    expect(zombie.effects).toEqual(['attention', 'record']);
    zombie.happens({ type: 'acknowledge', reason: null, actor: 'ann' });
    expect(zombie.saga.attention).toBe(false);
  });
});

describe('a pivot that asks somebody outside late', () => {
  const of = (story: Story) => {
    const { fence, claimId } = operationOf(story.saga, action(1)) ?? { fence: 0, claimId: '' };
    return { operation: action(1), fence, claimId: claimId ?? '' } as const;
  };
  const asks = { type: 'suspended', wait: { kind: 'callback' }, timeoutMs: null } as const;

  it('has not said how it ended: that is for the answer, or a person', () => {
    const zombie = charging();
    const attempt = of(zombie);
    zombie.happens({ type: 'lease-expired', ...attempt, seed: 0 }).cancels();
    expect(zombie.happens({ ...asks, ...attempt }).decision).toEqual({ kind: 'ignored', reason: 'stale' });
    expect(zombie.calledBack(1, 'completed').saga).toMatchObject({ state: 'started', pastPivot: true });
  });

  it('raises no attention before it has been answered, when a person had said that it failed', () => {
    const zombie = charging();
    const attempt = of(zombie);
    expect(zombie.said(1, 'failed').happens({ ...asks, ...attempt }).decision).toEqual({ kind: 'ignored', reason: 'stale' });
    expect(zombie.calledBack(1, 'completed').saga).toMatchObject({ state: 'compensating', attention: true });
  });
});

describe('a retriable step', () => {
  const issuing = (): Story => charging().completes(1).claims(2);

  it('is tried again with the longest delay when its attempts are used up, whatever its handler says', () => {
    const story = issuing().fails(2);
    expect([story.state(2), story.effects]).toEqual(['retrying', ['action:2:1 in 50', 'record']]);
    story.claims(2).fails(2);
    expect([story.saga.attention, story.effects]).toEqual([true, ['action:2:1 in 6000', 'attention', 'record']]);
    story.claims(2).fails(2, 'unknown');
    expect([story.state(2), story.effects]).toEqual(['retrying', ['action:2:1 in 6000', 'record']]);
    story.claims(2).completes(2);
    expect([story.saga.state, story.saga.attention, story.effects]).toEqual(['completed', false, ['ended', 'attention', 'record']]);
  });

  it('is tried again when somebody outside says that it failed', () => {
    const story = issuing().suspends(2).calledBack(2, 'failed');
    expect(story.state(2)).toBe('retrying');
    const running = issuing().calledBack(2, 'failed').completes(2);
    expect([running.state(2), running.saga.state]).toEqual(['retrying', 'started']);
  });

  it('cannot be said to have failed as long as its saga goes forward', () => {
    expect(issuing().said(2, 'failed').decision).toEqual({ kind: 'ignored', reason: 'retriable' });
  });

  it('is over when its saga turns back, and with it the attention that it raised', () => {
    const story = new Story(planOf(step('issue', [], RETRIABLE), step('b', [])))
      .claims(1)
      .completes(1)
      .claims(0)
      .fails(0)
      .claims(0)
      .fails(0);
    expect(story.saga.attention).toBe(true);
    story.cancels();
    expect([story.saga.state, story.state(0), story.saga.attention]).toEqual(['compensating', 'failed', false]);
  });
});

describe('an optional step that comes late', () => {
  const plan = planOf(step('mail', [], { kind: 'optional' }), step('log', []));
  const lost = (story: Story): Story => {
    story.claims(0);
    const { fence, claimId } = operationOf(story.saga, action(0)) ?? { fence: 0, claimId: '' };
    return story.happens({ type: 'lease-expired', operation: action(0), fence, claimId: claimId ?? '', seed: 0 });
  };
  const zombie = { operation: action(0), fence: 1, claimId: 'claim-1', output: 'late' } as const;

  it('completes as long as its saga goes forward, and is undone with it', () => {
    const unknown = planOf(step('mail', [], { kind: 'optional', actionPolicy: ONCE }), step('log', []));
    const story = new Story(unknown).claims(0).fails(0, 'unknown');
    expect([story.saga.state, story.state(0)]).toEqual(['started', 'unknown']);
    story.claims(1).fails(1);
    expect(operationOf(story.saga, { step: 0, direction: 'undo', round: 1 })?.actionOutcome).toBe('unknown');
  });

  it('is heard on the way forward, and changes nothing for a saga that has completed', () => {
    const story = lost(new Story(plan)).claims(0);
    story.happens({ type: 'reported', operation: action(0), result: { kind: 'failed', error: { code: 'E', message: 'no' } }, actor: null });
    expect(story.state(0)).toBe('failed');
    const forward = story.saga;
    story.happens({ type: 'completed', ...zombie });
    expect([story.state(0), story.saga.state]).toEqual(['completed', 'started']);
    story.saga = forward;
    story.claims(1).completes(1);
    expect(story.saga.state).toBe('completed');
    expect(story.happens({ type: 'completed', ...zombie }).decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });
});

describe('an optional step that asks somebody outside late', () => {
  const plan = planOf(step('mail', [], { kind: 'optional' }), step('log', []));
  const asks: SagaEvent = {
    type: 'suspended',
    operation: action(0),
    fence: 1,
    claimId: 'claim-1',
    wait: { kind: 'callback' },
    timeoutMs: null,
  };

  it('is undone if its saga turns back, also when it was said to have failed', () => {
    const story = new Story(plan).claims(0).said(0, 'failed').happens(asks);
    expect([story.state(0), story.saga.state]).toEqual(['unknown', 'started']);
    story.claims(1).fails(1);
    expect(operationOf(story.saga, { step: 0, direction: 'undo', round: 1 })?.actionOutcome).toBe('unknown');
  });

  it('changes nothing when it is of unknown outcome anyway, or its saga has completed', () => {
    const unknown = new Story(plan).claims(0);
    const { fence, claimId } = operationOf(unknown.saga, action(0)) ?? { fence: 0, claimId: '' };
    unknown.happens({ type: 'lease-expired', operation: action(0), fence, claimId: claimId ?? '', seed: 0 });
    unknown.claims(0).said(0, 'completed');
    expect(unknown.happens(asks).decision).toEqual({ kind: 'ignored', reason: 'stale' });
    const completed = new Story(plan).claims(0).said(0, 'failed').claims(1).completes(1);
    expect(completed.saga.state).toBe('completed');
    expect(completed.happens(asks).decision).toEqual({ kind: 'ignored', reason: 'terminal' });
  });
});

describe('a saga that is finished early', () => {
  it('does not wait for a time that it would have waited for, but for what may still take effect', () => {
    const beside = planOf(step('look', []), step('pause', [], { compensation: null }), step('call', []), step('last', [2]));
    const story = new Story(beside).claims(1).suspends(1, 'timer').claims(2).suspends(2).claims(0).completes(0, { finishes: true });
    expect([0, 1, 2, 3].map((place) => story.state(place))).toEqual(['completed', 'skipped', 'waiting', 'skipped']);
    expect(story.saga).toMatchObject({ state: 'started', finishedBy: 0, openActions: 1 });
    story.calledBack(2, 'completed');
    expect([story.saga.state, story.state(3)]).toEqual(['completed', 'skipped']);
  });

  it('has been finished by whoever came first', () => {
    const story = new Story(planOf(step('a', []), step('b', [])))
      .claims(0)
      .claims(1)
      .completes(1, { finishes: true })
      .completes(0, { finishes: true });
    expect(story.saga).toMatchObject({ state: 'completed', finishedBy: 1 });
  });

  it('is not finished when it has turned back meanwhile', () => {
    const story = new Story(planOf(step('a', []), step('b', [0]))).claims(0).cancels().completes(0, { finishes: true });
    expect(story.saga).toMatchObject({ state: 'compensating', finishedBy: null });
  });
});
