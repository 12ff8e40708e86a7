import { describe, expect, it } from '@jest/globals';
import { SagaInvariantError } from '../errors';
import type { Decision } from './decision';
import type { SagaEffect } from './effect';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import { operationKey, type Operation, type OperationKey } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import { actionsOf, type SagaValue } from './saga-value';
import { transition } from './transition';

const POLICY: OperationPolicy = { timeoutMs: 60_000, retry: null, losses: 2 };
const TWICE: OperationPolicy = { ...POLICY, retry: { attempts: 2, backoff: 'fixed', baseMs: 1_000, maxMs: 60_000 } };

interface StepOf {
  readonly after?: readonly number[];
  readonly compensation?: null;
  readonly action?: OperationPolicy;
  readonly undo?: OperationPolicy;
}

/** Steps `a`, `b`, `c` …, one after the other unless `after` says otherwise. */
function planOf(...steps: readonly StepOf[]): Plan {
  return {
    format: PLAN_FORMAT,
    name: 'order',
    steps: steps.map((step, place) => {
      const name = String.fromCharCode(97 + place);
      return {
        name,
        action: `do.${name}`,
        compensation: step.compensation === null ? null : `undo.${name}`,
        dependsOn: step.after ?? (place === 0 ? [] : [place - 1]),
        actionPolicy: step.action ?? POLICY,
        undoPolicy: step.undo ?? POLICY,
      };
    }),
  };
}

/** A saga and what it has been asked to do, told in the words of its plan: `a` is an action, `~a` its undo. */
class Story {
  saga: SagaValue;
  /** What the last event asked for, in short: `do.a`, `undo.a+1000`, `abort a`, `ended failed`. */
  asked: readonly string[];
  private claims = 0;

  constructor(private readonly plan: Plan) {
    const { saga, effects } = startSaga(plan, 'saga-1');
    this.saga = saga;
    this.asked = effects.flatMap((effect) => this.told(effect));
  }

  claim(name: string, how: Partial<Extract<SagaEvent, { type: 'claim' }>> = {}): this {
    return this.happens({ type: 'claim', operation: this.ref(name), claimId: `claim-${++this.claims}`, due: true, ...how });
  }

  complete(name: string): this {
    return this.happens({ type: 'completed', ...this.running(name), output: `output of ${name}` });
  }

  fail(name: string, how: Partial<Extract<SagaEvent, { type: 'failed' }>> = {}): this {
    const error = { code: 'E', message: `${name} failed` };
    const rest = { outcome: 'failed', retryable: undefined, retryAfterMs: undefined, seed: 0.5 } as const;
    return this.happens({ type: 'failed', ...this.running(name), error, ...rest, ...how });
  }

  lose(name: string): this {
    return this.happens({ type: 'lease-expired', ...this.running(name), seed: 0 });
  }

  release(name: string, interrupted = false): this {
    return this.happens({ type: 'released', ...this.running(name), interrupted });
  }

  run(...names: readonly string[]): this {
    for (const name of names) this.claim(name).complete(name);
    return this;
  }

  compensate(): this {
    return this.happens({ type: 'compensate', reason: 'no longer wanted', actor: 'ann' });
  }

  happens(event: SagaEvent): this {
    const decision = this.decide(event);
    if (decision.kind !== 'moved') throw new Error(`${event.type}: ${JSON.stringify(decision)}`);
    this.saga = decision.saga;
    this.asked = decision.effects.flatMap((effect) => this.told(effect));
    return this;
  }

  decide(event: SagaEvent): Decision {
    return transition(this.plan, this.saga, event);
  }

  operation(name: string): Operation {
    const operation = this.saga.operations.get(operationKey(this.ref(name)));
    if (operation === undefined) throw new Error(`no operation ${name}`);
    return operation;
  }

  running(name: string): { readonly operation: Operation; readonly fence: number; readonly claimId: string } {
    const operation = this.operation(name);
    return { operation, fence: operation.fence, claimId: operation.claimId ?? 'none' };
  }

  ref(name: string) {
    const isUndo = name.startsWith('~');
    const step = this.plan.steps.findIndex((candidate) => candidate.name === name.replace('~', ''));
    return { step, direction: isUndo ? ('undo' as const) : ('action' as const), round: 1 };
  }

  private told(effect: SagaEffect): readonly string[] {
    switch (effect.type) {
      case 'dispatch':
        return [effect.inMs === 0 ? effect.key : `${effect.key}+${effect.inMs}`];
      case 'abort':
        return [`abort ${this.plan.steps[effect.operation.step]?.name}`];
      case 'ended':
        return [`ended ${effect.state}`];
      case 'attention':
        return [effect.raised ? 'attention' : 'no attention'];
      case 'wait':
        return [`wait ${effect.endsInMs ?? 'for ever'}`];
      case 'context':
        return ['context'];
      case 'record':
        return [];
    }
  }
}

describe('going forward', () => {
  it('wakes each step when the one before it has completed, and completes with the last', () => {
    const story = new Story(planOf({}, {}));
    expect(story.asked).toEqual(['do.a']);
    expect(story.run('a').asked).toEqual(['do.b']);
    expect(story.run('b').asked).toEqual(['ended completed']);
    expect(story.saga.state).toBe('completed');
  });

  it('wakes parallel steps together, and what follows them when the last of them has completed', () => {
    const story = new Story(planOf({}, { after: [0] }, { after: [0] }, { after: [1, 2] }));
    expect(story.run('a').asked).toEqual(['do.b', 'do.c']);
    expect(story.run('c').asked).toEqual([]);
    expect(story.run('b').asked).toEqual(['do.d']);
  });

  it('wakes every step that waits for nothing at the start', () => {
    expect(new Story(planOf({}, { after: [] })).asked).toEqual(['do.a', 'do.b']);
  });

  it('retries a failed attempt after the delay of its policy', () => {
    const story = new Story(planOf({ action: TWICE })).claim('a').fail('a');
    expect(story.asked).toEqual(['do.a+1000']);
    expect(story.operation('a').state).toBe('retrying');
    expect(story.run('a').saga.state).toBe('completed');
  });

  it('writes one history row for each event, with its place and attempt', () => {
    const story = new Story(planOf({ action: TWICE })).claim('a').fail('a').claim('a');
    const decision = story.decide({ type: 'completed', ...story.running('a'), output: null });
    const rows = decision.kind === 'moved' ? decision.effects.filter((effect) => effect.type === 'record') : [];
    expect(rows).toEqual([
      {
        type: 'record',
        entry: expect.objectContaining({ kind: 'completed', state: 'completed', step: 0, direction: 'action', attempt: 2, fence: 2 }),
      },
    ]);
  });
});

describe('turning back', () => {
  it('undoes the last started step first', () => {
    const story = new Story(planOf({}, {}, {})).run('a', 'b').claim('c').fail('c');
    expect(story.saga.state).toBe('compensating');
    expect(story.asked).toEqual(['undo.b']);
    expect(story.run('~b').asked).toEqual(['undo.a']);
    expect(story.run('~a').asked).toEqual(['ended compensated']);
    expect(story.saga.state).toBe('compensated');
  });

  it('does not undo the step that failed', () => {
    const story = new Story(planOf({}, {})).run('a').claim('b').fail('b');
    expect(story.saga.operations.has('undo:1:1')).toBe(false);
  });

  it('fails at once when the first step fails: there is nothing to undo', () => {
    const story = new Story(planOf({}, {})).claim('a').fail('a');
    expect(story.saga.state).toBe('failed');
    expect(story.asked).toEqual(['ended failed']);
    expect(story.operation('b').state).toBe('skipped');
  });

  it('remembers which step was the cause, and why', () => {
    const story = new Story(planOf({}, {})).run('a').claim('b').fail('b');
    expect(story.saga.cause).toEqual({ kind: 'step-failed', step: 'b', error: { code: 'E', message: 'b failed' } });
  });

  it('remembers that nobody knows whether that step took effect', () => {
    const story = new Story(planOf({}, {})).run('a').claim('b').fail('b', { outcome: 'unknown' });
    expect(story.saga.cause).toEqual({
      kind: 'step-failed',
      step: 'b',
      error: { code: 'E', message: 'b failed' },
      outcome: 'unknown',
    });
  });

  it('passes over steps that have no compensation', () => {
    const story = new Story(planOf({}, { compensation: null }, {})).run('a', 'b').claim('c').fail('c');
    expect(story.asked).toEqual(['undo.a']);
    expect(story.run('~a').saga.state).toBe('compensated');
  });

  it('undoes a step whose outcome is unknown, before the steps it was built on', () => {
    const story = new Story(planOf({}, {})).run('a').claim('b').fail('b', { outcome: 'unknown' });
    expect(story.asked).toEqual(['undo.b']);
    expect(story.operation('~b').actionOutcome).toBe('unknown');
    expect(story.run('~b', '~a').saga.state).toBe('compensated');
  });

  it('still calls an outcome unknown when a later attempt fails in its own word', () => {
    const story = new Story(planOf({ action: TWICE })).claim('a').fail('a', { outcome: 'unknown' }).claim('a').fail('a');
    expect(story.operation('a').state).toBe('unknown');
    expect(story.asked).toEqual(['undo.a']);
  });

  it('waits for a parallel step that still runs, tells its handler, and undoes it too', () => {
    const story = new Story(planOf({}, { after: [0] }, { after: [0] })).run('a').claim('b').claim('c').fail('c');
    expect(story.asked).toEqual(['abort b']);
    expect(story.saga.state).toBe('compensating');
    expect(story.complete('b').asked).toEqual(['undo.b']);
    expect(story.run('~b').asked).toEqual(['undo.a']);
  });

  it('does not retry a parallel step that fails meanwhile', () => {
    const story = new Story(planOf({}, { after: [], action: TWICE }));
    story.claim('a').claim('b').fail('a').fail('b');
    expect(story.operation('b').state).toBe('failed');
    expect(story.saga.state).toBe('failed');
  });

  it('undoes a parallel step whose worker is never heard of again', () => {
    const story = new Story(planOf({}, { after: [] })).claim('a').claim('b').fail('a').lose('b');
    expect(story.operation('b').state).toBe('unknown');
    expect(story.asked).toEqual(['undo.b']);
  });

  it('skips a step that was given back before it did anything', () => {
    const story = new Story(planOf({}, { after: [] })).claim('a').claim('b').fail('a').release('b');
    expect(story.operation('b').state).toBe('skipped');
    expect(story.saga.state).toBe('failed');
  });

  it('undoes a step that was interrupted in the middle', () => {
    const story = new Story(planOf({}, { after: [] })).claim('a').claim('b').fail('a').release('b', true);
    expect(story.operation('b').state).toBe('unknown');
  });

  it('turns back when its deadline passes, and ignores a second one', () => {
    const story = new Story(planOf({}, {})).run('a').happens({ type: 'deadline' });
    expect(story.asked).toEqual(['undo.a']);
    expect(story.saga.cause).toEqual({ kind: 'deadline' });
    expect(story.decide({ type: 'deadline' })).toEqual({ kind: 'ignored', reason: 'already-compensating' });
  });

  it('turns back when somebody asks, and says who and why', () => {
    const story = new Story(planOf({}, {})).run('a').compensate();
    expect(story.saga.cause).toEqual({ kind: 'asked', reason: 'no longer wanted', actor: 'ann' });
    expect(story.asked).toEqual(['undo.a']);
  });
});

describe('an undo that does not work', () => {
  const stuck = (): Story =>
    new Story(planOf({ undo: TWICE }, {})).run('a').claim('b').fail('b').claim('~a').fail('~a').claim('~a').fail('~a');

  it('is retried under its own policy', () => {
    const story = new Story(planOf({ undo: TWICE }, {})).run('a').claim('b').fail('b').claim('~a').fail('~a');
    expect(story.asked).toEqual(['undo.a+1000']);
    expect(story.saga.state).toBe('compensating');
  });

  it('makes the saga stuck when its attempts are used up', () => {
    expect(stuck().saga.state).toBe('stuck');
    expect(stuck().asked).toEqual(['ended stuck']);
  });

  it('is tried again, with its attempts whole, when somebody asks', () => {
    const story = stuck().compensate();
    expect(story.saga.state).toBe('compensating');
    expect(story.asked).toEqual(['undo.a']);
    story.claim('~a').fail('~a');
    expect(story.asked).toEqual(['undo.a+1000']);
    expect(story.run('~a').saga.state).toBe('compensated');
  });

  it('does not let the undos before it begin', () => {
    const story = new Story(planOf({}, {}, {})).run('a', 'b').claim('c').fail('c').claim('~b').fail('~b');
    expect(story.saga.state).toBe('stuck');
    expect(story.operation('~a').state).toBe('pending');
  });

  it('keeps its fence when it is tried again, so that an old report stays old', () => {
    const story = stuck();
    const old = story.running('~a');
    story.compensate().claim('~a');
    expect(story.decide({ type: 'completed', ...old, output: null })).toEqual({ kind: 'ignored', reason: 'stale' });
  });
});

describe('a worker that is lost', () => {
  it('costs the operation its fence, not an attempt', () => {
    const story = new Story(planOf({})).claim('a').lose('a');
    expect(story.operation('a')).toMatchObject({ state: 'started', fence: 2, claims: 1, losses: 1, hadUnknown: true });
    expect(story.asked).toEqual(['do.a']);
  });

  it('is not blamed on an operation that ran beside others, however often it happens', () => {
    const story = new Story(planOf({}));
    for (let times = 0; times < 20; times++) story.claim('a').lose('a');
    expect(story.operation('a')).toMatchObject({ state: 'started', losses: 20, blamed: 0 });
  });

  it('is blamed on an operation that ran alone, and leaves its outcome unknown when it happens too often', () => {
    const story = new Story(planOf({})).claim('a', { alone: true }).lose('a').claim('a', { alone: true }).lose('a');
    expect(story.operation('a')).toMatchObject({ losses: 2, blamed: 0 }); // suspects run alone from their second loss on
    story.claim('a', { alone: true }).lose('a');
    expect(story.operation('a')).toMatchObject({ state: 'started', blamed: 1 });
    story.claim('a', { alone: true }).lose('a');
    expect(story.operation('a').state).toBe('unknown');
    expect(story.asked).toEqual(['undo.a']);
  });

  it('is not heard when it comes back', () => {
    const story = new Story(planOf({})).claim('a');
    const zombie = story.running('a');
    story.lose('a').claim('a');
    expect(story.decide({ type: 'completed', ...zombie, output: 'late' })).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('is a failed attempt under the policy when it reached its timeout', () => {
    const story = new Story(planOf({ action: TWICE })).claim('a');
    const timedOut: Operation = { ...story.operation('a'), timedOut: true };
    story.saga = { ...story.saga, operations: new Map([[operationKey(timedOut), timedOut]]) };
    story.lose('a');
    expect(story.asked).toEqual(['do.a+1000']);
    expect(story.operation('a')).toMatchObject({ losses: 0, hadUnknown: true, error: { code: 'STEP_TIMEOUT' } });
  });
});

describe('an attempt whose process says that it came to nothing', () => {
  const FAILURE = { code: 'POOL', message: 'no connection' };

  it('costs the operation neither an attempt nor its good name', () => {
    const story = new Story(planOf({})).claim('a');
    story.happens({ type: 'lost', ...story.running('a'), error: FAILURE, seed: 0.5 });
    expect(story.operation('a')).toMatchObject({ state: 'retrying', claims: 0, losses: 0, blamed: 1, hadUnknown: false, error: FAILURE });
  });

  it('is tried again within its budget, and then the operation fails', () => {
    const story = new Story(planOf({}));
    for (let times = 0; times < POLICY.losses; times++) {
      story.claim('a');
      story.happens({ type: 'lost', ...story.running('a'), error: FAILURE, seed: 0 });
    }
    expect(story.operation('a')).toMatchObject({ state: 'failed', blamed: POLICY.losses });
  });
});

describe('what changes nothing', () => {
  it.each(['completed', 'compensated', 'failed'] as const)('any event on a saga that is %s', (state) => {
    const story = new Story(planOf({}));
    story.saga = { ...story.saga, state };
    expect(story.decide({ type: 'compensate', reason: null, actor: null })).toEqual({ kind: 'ignored', reason: 'terminal' });
    expect(story.decide({ type: 'claim', operation: story.ref('a'), claimId: 'c', due: true })).toEqual({
      kind: 'ignored',
      reason: 'terminal',
    });
  });

  it('a second report of the same claim', () => {
    const story = new Story(planOf({}, {})).claim('a');
    const running = story.running('a');
    story.complete('a');
    expect(story.decide({ type: 'completed', ...running, output: 'again' })).toEqual({ kind: 'ignored', reason: 'stale' });
    expect(story.decide({ type: 'lease-expired', ...running, seed: 0 })).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('the report of an operation that does not exist', () => {
    const story = new Story(planOf({}));
    const event: SagaEvent = { type: 'completed', operation: story.ref('~a'), fence: 1, claimId: 'c', output: null };
    expect(story.decide(event)).toEqual({ kind: 'ignored', reason: 'unknown-operation' });
  });
});

describe('deciding from a part of the saga', () => {
  const partOf = (saga: SagaValue, ...keys: readonly OperationKey[]): SagaValue => {
    return { ...saga, whole: false, operations: new Map([...saga.operations].filter(([key]) => keys.includes(key))) };
  };

  it('needs no more than the step and those that wait for it', () => {
    const story = new Story(planOf({}, {}, {})).claim('a');
    story.saga = partOf(story.saga, 'action:0:1', 'action:1:1');
    expect(story.complete('a').asked).toEqual(['do.b']);
  });

  it('asks for the whole when a step that waits is missing', () => {
    const story = new Story(planOf({}, {})).claim('a');
    const event: SagaEvent = { type: 'completed', ...story.running('a'), output: null };
    story.saga = partOf(story.saga, 'action:0:1');
    expect(story.decide(event)).toEqual({ kind: 'need', need: 'all' });
  });

  it('asks for the whole when the saga turns back', () => {
    const story = new Story(planOf({}, {}));
    story.saga = partOf(story.saga, 'action:0:1');
    expect(story.decide({ type: 'deadline' })).toEqual({ kind: 'need', need: 'all' });
  });

  it('never takes a part for the whole', () => {
    const story = new Story(planOf({}));
    expect(() => actionsOf(partOf(story.saga))).toThrow(SagaInvariantError);
  });
});
