import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEvent } from './event';
import { startSaga } from './forward';
import { operationKey, type OperationRef } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import type { SagaValue } from './saga-value';
import { transition } from './transition';

const policy: OperationPolicy = { timeoutMs: 60_000, retry: null, losses: 2 };

/** A chain of steps. */
function chainOf(...names: readonly string[]): Plan {
  const steps = names.map((name, place) => {
    const dependsOn = place === 0 ? [] : [place - 1];
    return { name, action: `do.${name}`, compensation: `undo.${name}`, dependsOn, actionPolicy: policy, undoPolicy: policy };
  });
  return { format: PLAN_FORMAT, name: 'order', steps };
}

const action = (step: number): OperationRef => ({ step, direction: 'action', round: 1 });
const undo = (step: number): OperationRef => ({ step, direction: 'undo', round: 1 });
const DONE = { kind: 'completed', output: 'by hand' } as const;
const NOT_DONE = { kind: 'failed', error: { code: 'BY_HAND', message: 'it never happened' } } as const;

class Case {
  saga: SagaValue;

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
  }

  report(operation: OperationRef, result: typeof DONE | typeof NOT_DONE): Decision {
    return this.take({ type: 'reported', operation, result, actor: 'ann' });
  }

  claim(operation: OperationRef): void {
    this.take({ type: 'claim', operation, claimId: `claim-${this.saga.rev}`, due: true });
  }

  end(operation: OperationRef, how: 'completed' | 'failed'): Decision {
    const { fence, claimId } = this.saga.operations.get(operationKey(operation)) ?? { fence: 0, claimId: null };
    const of = { operation, fence, claimId: claimId ?? '' };
    if (how === 'completed') return this.take({ type: 'completed', ...of, output: null });
    const error = { code: 'E', message: 'no' };
    return this.take({ type: 'failed', ...of, error, outcome: 'failed', retryable: false, retryAfterMs: undefined, seed: 0 });
  }

  take(event: SagaEvent): Decision {
    const decision = transition(this.plan, this.saga, event);
    if (decision.kind === 'moved') this.saga = decision.saga;
    return decision;
  }

  get undone(): readonly number[] {
    const undos = [...this.saga.operations.values()].filter((operation) => operation.direction === 'undo');
    return undos.sort((a, b) => a.order - b.order).map((operation) => operation.step);
  }

  /** Two steps done, the third failed, and the undo of the second given up. */
  static stuck(): Case {
    const story = new Case(chainOf('a', 'b', 'c'));
    for (const step of [0, 1]) {
      story.claim(action(step));
      story.end(action(step), 'completed');
    }
    story.claim(action(2));
    story.end(action(2), 'failed');
    story.claim(undo(1));
    story.end(undo(1), 'failed');
    return story;
  }
}

describe('a report by a person', () => {
  it('completes a step that is running, and its worker is not heard any more', () => {
    const story = new Case(chainOf('a', 'b'));
    story.claim(action(0));
    const { fence, claimId } = story.saga.operations.get('action:0:1') ?? { fence: 0, claimId: null };
    story.report(action(0), DONE);
    expect(story.saga.operations.get('action:0:1')).toMatchObject({ state: 'completed', output: 'by hand', fence: fence + 1 });
    expect(story.saga.operations.get('action:1:1')?.state).toBe('started');
    const late: SagaEvent = { type: 'completed', operation: action(0), fence, claimId: claimId ?? '', output: 'late' };
    expect(story.take(late)).toEqual({ kind: 'ignored', reason: 'stale' });
  });

  it('turns the saga back when it says that a step failed', () => {
    const story = new Case(chainOf('a'));
    story.claim(action(0));
    story.report(action(0), NOT_DONE);
    const reportedBy = { reason: null, actor: 'ann' };
    expect(story.saga).toMatchObject({ state: 'failed', cause: { kind: 'step-failed', step: 'a', error: NOT_DONE.error, reportedBy } });
  });

  it('counts once', () => {
    const story = new Case(chainOf('a', 'b'));
    story.claim(action(0));
    story.report(action(0), DONE);
    expect(story.report(action(0), DONE)).toEqual({ kind: 'ignored', reason: 'not-claimable' });
  });

  it('is refused for a step that has not begun', () => {
    expect(new Case(chainOf('a', 'b')).report(action(1), DONE)).toEqual({ kind: 'ignored', reason: 'not-claimable' });
  });

  it('is refused for an operation that does not exist', () => {
    expect(new Case(chainOf('a')).report(undo(0), DONE)).toEqual({ kind: 'ignored', reason: 'unknown-operation' });
  });

  it('lets a stuck saga go on with the next undo', () => {
    const story = Case.stuck();
    story.report(undo(1), DONE);
    expect(story.saga.state).toBe('compensating');
    expect(story.saga.operations.get('undo:0:1')?.state).toBe('started');
  });

  it('that an undo failed changes nothing when it had been given up already', () => {
    const story = Case.stuck();
    expect(story.report(undo(1), NOT_DONE).kind).toBe('ignored');
  });

  it('about steps that nobody claimed does not change the order in which they are undone', () => {
    const story = new Case(chainOf('a', 'b', 'c'));
    story.report(action(0), DONE);
    story.report(action(1), DONE);
    story.report(action(2), NOT_DONE);
    expect(story.undone).toEqual([1, 0]);
  });

  it('about a step that nobody claimed still lets it be undone before the step it was built on', () => {
    const story = new Case(chainOf('a', 'b', 'c'));
    story.claim(action(0));
    story.end(action(0), 'completed');
    story.report(action(1), DONE);
    story.claim(action(2));
    story.end(action(2), 'failed');
    expect(story.undone).toEqual([1, 0]);
  });
});
