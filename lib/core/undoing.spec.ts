import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import { operationKey, type OperationRef } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import { operationOf, withOperations, type SagaValue } from './saga-value';
import { transition } from './transition';

const ONCE: OperationPolicy = { timeoutMs: 1_000, retry: null, losses: 1 };

/** Steps by name with those they wait for, and a last one that waits for all and fails. */
function planOf(shape: Readonly<Record<string, readonly string[]>>, more: Partial<Plan> = {}): Plan {
  const names = [...Object.keys(shape), 'fails'];
  const steps = names.map((name) => {
    const dependsOn = (shape[name] ?? Object.keys(shape)).map((other) => names.indexOf(other));
    const compensation = name === 'fails' ? null : `undo.${name}`;
    return { name, action: `do.${name}`, compensation, dependsOn, actionPolicy: ONCE, undoPolicy: ONCE };
  });
  return { format: PLAN_FORMAT, name: 'spec', ...more, steps };
}

/** A saga that has turned back; every step of it took effect, one after the other. */
class Story {
  saga: SagaValue;

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
    plan.steps.forEach(({ name }, step) => {
      const operation: OperationRef = { step, direction: 'action', round: 1 };
      this.claim(operation);
      if (name === 'fails') this.happens(failed(operation, this.saga));
      else this.happens(completed(operation, this.saga));
    });
  }

  get underWay(): string {
    return this.undos(['started', 'running']);
  }

  get pending(): string {
    return this.undos(['pending']);
  }

  undo(name: string): OperationRef {
    return { step: this.plan.steps.findIndex((step) => step.name === name), direction: 'undo', round: 1 };
  }

  done(...names: readonly string[]): this {
    for (const name of names) this.claim(this.undo(name)).happens(completed(this.undo(name), this.saga));
    return this;
  }

  givenUp(...names: readonly string[]): this {
    for (const name of names) this.claim(this.undo(name)).happens(failed(this.undo(name), this.saga));
    return this;
  }

  /** What the same event comes to for somebody who sees nothing but the operation itself. */
  alone(event: SagaEvent & { readonly operation: OperationRef }): Decision['kind'] {
    const own = operationOf(this.saga, event.operation);
    const operations = new Map(own === undefined ? [] : [[operationKey(own), own]]);
    return transition(this.plan, { ...this.saga, operations, whole: false }, event).kind;
  }

  /** The saga that the step has run is looked after, and is stuck. */
  looksAtStuck(name: string, isStuck = true): this {
    const wait = { kind: 'saga', sagaId: 'child', ...(isStuck && { stuck: true as const }) } as const;
    const undo = this.undo(name);
    if (operationOf(this.saga, undo)?.state === 'waiting') this.happens({ type: 'woken', operation: undo });
    return this.claim(undo).happens({ type: 'suspended', ...of(undo, this.saga), wait, timeoutMs: null });
  }

  claim(operation: OperationRef): this {
    return this.happens({ type: 'claim', operation, claimId: `claim-${this.saga.rev}`, due: true });
  }

  happens(event: SagaEvent): this {
    const decision = transition(this.plan, this.saga, event);
    if (decision.kind !== 'moved') throw new Error(`${event.type} was not taken: ${JSON.stringify(decision)}`);
    this.saga = decision.saga;
    return this;
  }

  private undos(states: readonly string[]): string {
    const undos = [...this.saga.operations.values()].filter(({ direction, state }) => direction === 'undo' && states.includes(state));
    return undos
      .map(({ step }) => this.plan.steps[step]?.name)
      .sort()
      .join(' ');
  }
}

const of = (operation: OperationRef, saga: SagaValue) => {
  const { fence = 0, claimId = null } = operationOf(saga, operation) ?? {};
  return { operation, fence, claimId: claimId ?? '' };
};
const completed = (operation: OperationRef, saga: SagaValue) => ({ type: 'completed', ...of(operation, saga), output: null }) as const;
const failed = (operation: OperationRef, saga: SagaValue) =>
  ({
    type: 'failed',
    ...of(operation, saga),
    error: { code: 'E', message: 'no' },
    outcome: 'failed',
    retryable: false,
    retryAfterMs: undefined,
    seed: 0,
  }) as const;
const compensate: SagaEvent = { type: 'compensate', reason: null, actor: 'ann' };

const DIAMOND = { a: [], b: ['a'], c: ['a'], d: ['b', 'c'] };
const BESIDE = { a: [], b: [], c: [], d: [] };
/** `a2` was built on `a1`, `b2` on `b1`. */
const TWO_ROWS = { a1: [], b1: [], a2: ['a1'], b2: ['b1'] };

describe('the way back', () => {
  it('undoes what nothing was built on at once, and each step as soon as what was built on it is undone', () => {
    const story = new Story(planOf(DIAMOND));
    expect(story.underWay).toBe('d');
    expect(story.done('d').underWay).toBe('b c');
    expect(story.done('b').underWay).toBe('c');
    expect(story.done('c').underWay).toBe('a');
    expect(story.done('a').saga.state).toBe('compensated');
  });

  it('goes in reverse order of start when one undo may run at a time', () => {
    const story = new Story(planOf(BESIDE, { undosAtOnce: 1 }));
    expect([story.underWay, story.done('d').underWay, story.done('c').underWay, story.done('b').underWay]).toEqual(['d', 'c', 'b', 'a']);
  });

  it('has no more undos under way than may be', () => {
    const story = new Story(planOf(BESIDE, { undosAtOnce: 3 }));
    expect(story.underWay).toBe('b c d');
    expect(story.done('c').underWay).toBe('b d'); // `a` follows `d`, whose step started last
    expect(story.done('d').underWay).toBe('a b');
  });
});

describe('an undo that is given up', () => {
  it('halts what has not begun, and the saga is stuck when what is under way has come to its end', () => {
    const story = new Story(planOf(TWO_ROWS)).givenUp('a2');
    expect([story.saga.state, story.underWay]).toEqual(['compensating', 'b2']);
    story.done('b2');
    expect([story.saga.state, story.pending, story.saga.givenUp]).toEqual(['stuck', 'a1 b1', 1]);
  });

  it('is tried again together with everything that may begin by then', () => {
    const story = new Story(planOf(TWO_ROWS)).givenUp('a2').done('b2').happens(compensate);
    expect([story.saga.state, story.underWay, story.pending]).toEqual(['compensating', 'a2 b1', 'a1']);
    expect(story.done('a2').underWay).toBe('a1 b1');
    expect(story.done('a1', 'b1').saga.state).toBe('compensated');
  });

  it('keeps the others halted while a person has one of two tried again', () => {
    const story = new Story(planOf(TWO_ROWS)).givenUp('a2', 'b2');
    expect(story.saga.state).toBe('stuck');
    story.happens({ type: 'retry-step', step: story.undo('a2').step, reason: null, actor: 'ann' });
    expect(story.underWay).toBe('a2');
    expect([story.done('a2').saga.state, story.pending]).toEqual(['stuck', 'a1 b1']);
  });

  it("holds back only what it was built on, if the others are to go on: 'continue'", () => {
    const story = new Story(planOf(TWO_ROWS, { onStuck: 'continue' })).givenUp('a2').done('b2');
    expect([story.saga.state, story.underWay]).toEqual(['compensating', 'b1']);
    expect([story.done('b1').saga.state, story.pending]).toEqual(['stuck', 'a1']);
  });

  it('gives its place to the next one', () => {
    const story = new Story(planOf(BESIDE, { onStuck: 'continue', undosAtOnce: 2 })).givenUp('d');
    expect(story.underWay).toBe('b c');
    expect(story.done('c').underWay).toBe('a b');
    expect(story.done('a', 'b').saga.state).toBe('stuck');
  });

  it('is tried again with many others only as far as there is room', () => {
    const story = new Story(planOf(BESIDE, { onStuck: 'continue', undosAtOnce: 2 })).givenUp('d', 'c', 'b', 'a').happens(compensate);
    expect([story.underWay, story.pending]).toEqual(['c d', 'a b']);
    expect(story.done('d').underWay).toBe('b c');
    expect(story.done('c', 'b', 'a').saga.state).toBe('compensated');
  });

  it('lets whoever sees a part of the saga ask for the whole from then on', () => {
    const calm = new Story(planOf(BESIDE)).claim({ step: 3, direction: 'undo', round: 1 });
    expect(calm.alone(completed(calm.undo('d'), calm.saga))).toBe('moved');
    expect(calm.alone(failed(calm.undo('d'), calm.saga))).toBe('need');
    const troubled = new Story(planOf(BESIDE, { onStuck: 'continue' })).givenUp('a').claim({ step: 3, direction: 'undo', round: 1 });
    expect(troubled.alone(completed(troubled.undo('d'), troubled.saga))).toBe('need');
  });
});

describe('an undo that waits for a saga that is stuck', () => {
  const AFTER_ANOTHER = { onStuck: 'continue', undosAtOnce: 1 } as const;

  it('gives its place to the next one, for it waits for a person', () => {
    const story = new Story(planOf(BESIDE, AFTER_ANOTHER)).looksAtStuck('d');
    expect([story.underWay, story.pending]).toEqual(['c', 'a b']);
    expect(story.done('c').underWay).toBe('b');
    expect(story.looksAtStuck('d').underWay).toBe('b'); // it has looked again
    story.done('b', 'a');
    expect([story.saga.state, story.pending]).toEqual(['compensating', '']);
    story.happens({ type: 'woken', operation: story.undo('d') });
    expect(story.done('d').saga.state).toBe('compensated');
  });

  it('holds back what it was built on', () => {
    const story = new Story(planOf(TWO_ROWS, { ...AFTER_ANOTHER, undosAtOnce: 2 })).looksAtStuck('a2');
    expect(story.done('b2', 'b1').pending).toBe('a1');
    expect(story.saga.state).toBe('compensating');
  });

  it('has its place again when that saga goes on', () => {
    const story = new Story(planOf(BESIDE, AFTER_ANOTHER)).looksAtStuck('d').looksAtStuck('d', false);
    expect(story.done('c').underWay).toBe('');
    story.happens({ type: 'woken', operation: story.undo('d') });
    expect(story.done('d').underWay).toBe('b');
  });

  it('keeps its place if nothing is to go on past one that is stuck', () => {
    const story = new Story(planOf(BESIDE, { undosAtOnce: 1 })).looksAtStuck('d');
    expect([story.underWay, story.pending, story.saga.givenUp]).toEqual(['', 'a b c', 0]);
  });

  it('asks for the whole saga', () => {
    const story = new Story(planOf(BESIDE, AFTER_ANOTHER)).claim({ step: 3, direction: 'undo', round: 1 });
    const looks = { type: 'suspended', ...of(story.undo('d'), story.saga), timeoutMs: null } as const;
    expect(story.alone({ ...looks, wait: { kind: 'saga', sagaId: 'child', stuck: true } })).toBe('need');
    expect(story.alone({ ...looks, wait: { kind: 'saga', sagaId: 'child' } })).toBe('moved');
  });
});

describe('another round of an undo', () => {
  /** Nobody knows what became of `b`; its undo has completed when it says that it took effect. */
  const lateStory = (more: Partial<Plan> = {}): Story => {
    const story = new Story(planOf({ a: [], b: ['a'] }, more));
    const action = operationOf(story.saga, { step: 1, direction: 'action', round: 1 });
    if (action !== undefined) story.saga = withOperations(story.saga, [{ ...action, state: 'unknown', hadUnknown: true, fence: 2 }]);
    return story;
  };
  const late: SagaEvent = { type: 'completed', operation: { step: 1, direction: 'action', round: 1 }, fence: 1, claimId: 'z', output: 1 };

  it('begins at once when the round before it is over, beside the others', () => {
    const story = lateStory().done('b').happens(late);
    expect(story.underWay).toBe('a b');
    expect(story.done('a').saga.state).toBe('compensating');
  });

  it('waits for a person while the saga is stuck', () => {
    const story = lateStory().done('b').givenUp('a').happens(late);
    expect([story.saga.state, story.pending]).toEqual(['stuck', 'b']);
    expect(story.happens(compensate).underWay).toBe('a b');
  });
});
