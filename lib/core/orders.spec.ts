import { describe, expect, it } from '@jest/globals';
import type { Decision } from './decision';
import type { SagaEffect } from './effect';
import type { SagaEvent, SagaOrder, StepOrder } from './event';
import { startSaga } from './forward';
import { operationKey, type Operation } from './operation';
import { PLAN_FORMAT, type OperationPolicy, type Plan } from './plan';
import type { SagaValue } from './saga-value';
import { transition } from './transition';

const POLICY: OperationPolicy = { timeoutMs: 60_000, retry: null, losses: 2 };
const TWICE: OperationPolicy = { ...POLICY, retry: { attempts: 2, backoff: 'fixed', baseMs: 1_000, maxMs: 60_000 } };
const BY = { reason: 'the customer called', actor: 'ann' } as const;

interface StepOf {
  readonly after?: readonly number[];
  readonly action?: OperationPolicy;
  readonly undo?: OperationPolicy;
  readonly verify?: OperationPolicy;
}

/** Steps `a`, `b`, `c` …, one after the other unless `after` says otherwise. */
function planOf(steps: readonly StepOf[], onStuck?: 'continue'): Plan {
  return {
    format: PLAN_FORMAT,
    name: 'order',
    ...(onStuck === undefined ? {} : { onStuck }),
    steps: steps.map((step, place) => {
      const name = String.fromCharCode(97 + place);
      return {
        name,
        action: `do.${name}`,
        compensation: `undo.${name}`,
        dependsOn: step.after ?? (place === 0 ? [] : [place - 1]),
        actionPolicy: step.action ?? POLICY,
        undoPolicy: step.undo ?? POLICY,
        ...(step.verify === undefined ? {} : { verifyPolicy: step.verify }),
      };
    }),
  };
}

type Report = { readonly operation: Operation; readonly fence: number; readonly claimId: string };

/** A saga told in the words of its plan: `a` is an action, `~a` its undo, `~a2` the second round of that. */
class Story {
  saga: SagaValue;
  /** What the last event asked for: `do.a`, `undo.a+1000`, `abort a`, `ended failed`. */
  asked: readonly string[] = [];
  private claims = 0;

  constructor(private readonly plan: Plan) {
    this.saga = startSaga(plan, 'saga-1').saga;
  }

  static of(steps: readonly StepOf[], onStuck?: 'continue'): Story {
    return new Story(planOf(steps, onStuck));
  }

  claim(name: string): this {
    return this.happens(this.claimOf(name));
  }

  claimOf(name: string): SagaEvent {
    return { type: 'claim', operation: this.ref(name), claimId: `claim-${++this.claims}`, due: true };
  }

  complete(name: string): this {
    return this.happens(this.completedOf(this.report(name)));
  }

  completedOf(report: Report): SagaEvent {
    return { type: 'completed', ...report, output: 'done' };
  }

  fail(name: string, outcome: 'failed' | 'unknown' = 'failed'): this {
    const error = { code: 'E', message: `${name} failed` };
    return this.happens({
      type: 'failed',
      ...this.report(name),
      error,
      outcome,
      retryable: undefined,
      retryAfterMs: undefined,
      seed: 0.5,
    });
  }

  lose(name: string): this {
    return this.happens({ type: 'lease-expired', ...this.report(name), seed: 0 });
  }

  run(...names: readonly string[]): this {
    for (const name of names) this.claim(name).complete(name);
    return this;
  }

  order(type: SagaOrder['type']): this {
    return this.happens({ type, ...BY });
  }

  refusal(type: SagaOrder['type']): unknown {
    return this.decide({ type, ...BY });
  }

  skip(name: string): this {
    return this.happens(this.step('skip-step', name));
  }

  retry(name: string): this {
    return this.happens(this.step('retry-step', name));
  }

  step(type: StepOrder['type'], name: string): StepOrder {
    return { type, step: this.ref(name).step, ...BY };
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

  report(name: string): Report {
    const operation = this.operation(name);
    return { operation, fence: operation.fence, claimId: operation.claimId ?? 'none' };
  }

  states(...names: readonly string[]): readonly string[] {
    return names.map((name) => this.operation(name).state);
  }

  private ref(name: string) {
    const direction = name.startsWith('~') ? 'undo' : 'action';
    const step = this.plan.steps.findIndex((candidate) => name.replace('~', '').startsWith(candidate.name));
    return { step, direction, round: name.endsWith('2') ? 2 : 1 } as const;
  }

  private told(effect: SagaEffect): readonly string[] {
    switch (effect.type) {
      case 'dispatch':
        return [effect.inMs === 0 ? effect.key : `${effect.key}+${effect.inMs}`];
      case 'abort':
        return [`abort ${effect.operation.direction === 'undo' ? '~' : ''}${this.plan.steps[effect.operation.step]?.name}`];
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

/** Two steps done, the third failed, the undo of the second given up. */
const stuck = (): Story => Story.of([{}, {}, {}]).run('a', 'b').claim('c').fail('c').claim('~b').fail('~b');

const ignored = (reason: string) => ({ kind: 'ignored', reason });

describe('every order', () => {
  it.each<[string, (story: Story) => SagaEvent]>([
    ['cancel', () => ({ type: 'cancel', ...BY })],
    ['compensate', () => ({ type: 'compensate', ...BY })],
    ['terminate', () => ({ type: 'terminate', ...BY })],
    ['pause', () => ({ type: 'pause', ...BY })],
    ['skip-step', (story) => story.step('skip-step', 'a')],
  ])('is written into the history with its reason and its actor: %s', (kind, event) => {
    const story = Story.of([{}, {}]);
    const decision = story.decide(event(story));
    const entries = decision.kind === 'moved' ? decision.effects.flatMap((effect) => (effect.type === 'record' ? [effect.entry] : [])) : [];
    expect(entries).toEqual([expect.objectContaining({ kind, ...BY })]);
  });

  it('but those about an ended saga are ignored', () => {
    const story = Story.of([{}]).run('a');
    for (const type of ['cancel', 'compensate', 'terminate', 'pause', 'resume'] as const)
      expect(story.refusal(type)).toEqual(ignored('terminal'));
    for (const type of ['skip-step', 'retry-step'] as const) expect(story.decide(story.step(type, 'a'))).toEqual(ignored('terminal'));
  });

  it('asks for the whole saga when it needs it', () => {
    const story = Story.of([{}, {}]);
    story.saga = { ...story.saga, whole: false };
    for (const type of ['cancel', 'terminate'] as const) expect(story.refusal(type)).toEqual({ kind: 'need', need: 'all' });
    for (const type of ['skip-step', 'retry-step'] as const)
      expect(story.decide(story.step(type, 'a'))).toEqual({ kind: 'need', need: 'all' });
  });
});

describe('cancel', () => {
  it('turns a saga back that goes forward, and says who and why', () => {
    const story = Story.of([{}, {}]).run('a').order('cancel');
    expect(story.saga).toMatchObject({ state: 'compensating', cause: { kind: 'asked', ...BY } });
    expect(story.asked).toEqual(['undo.a']);
  });

  it('leaves one alone that has turned back already, stuck or not', () => {
    expect(Story.of([{}, {}]).run('a').order('cancel').refusal('cancel')).toEqual(ignored('already-compensating'));
    expect(stuck().refusal('cancel')).toEqual(ignored('already-compensating'));
  });

  it('turns a paused saga back, and nothing of it is undone until it is resumed', () => {
    const story = Story.of([{}, {}]).run('a').order('pause').order('cancel');
    expect(story.saga).toMatchObject({ state: 'compensating', paused: true });
    expect(story.decide(story.claimOf('~a'))).toEqual(ignored('paused'));
    expect(story.order('resume').asked).toEqual(['undo.a']);
    expect(story.run('~a').saga.state).toBe('compensated');
  });
});

describe('terminate', () => {
  it('ends a saga as it is, and undoes nothing', () => {
    const story = Story.of([{}, {}, {}]).run('a').order('terminate');
    expect(story.saga).toMatchObject({ state: 'failed', cause: { kind: 'terminated', ...BY }, openActions: 0, openUndos: 0 });
    expect(story.states('a', 'b', 'c')).toEqual(['completed', 'skipped', 'skipped']);
    expect(story.asked).toEqual(['ended failed']);
  });

  it('tells whoever runs a part of it, and hears nothing of them any more', () => {
    const story = Story.of([{}, { after: [] }])
      .claim('a')
      .claim('b');
    const running = [story.report('a'), story.report('b')];
    expect(story.order('terminate').asked).toEqual(['abort a', 'abort b', 'ended failed']);
    expect(story.states('a', 'b')).toEqual(['unknown', 'unknown']);
    for (const report of running) expect(story.decide(story.completedOf(report))).toEqual(ignored('terminal'));
  });

  it('leaves no unknown outcome where the attempt commits together with it', () => {
    const story = Story.of([{ action: { ...POLICY, transactional: true } }])
      .claim('a')
      .order('terminate');
    expect(story.states('a')).toEqual(['failed']);
  });

  it('settles what is between two attempts by what those were', () => {
    const story = Story.of([{ action: TWICE }, { after: [], action: TWICE }])
      .claim('a')
      .claim('b');
    story.fail('a', 'unknown').fail('b', 'failed').order('terminate');
    expect(story.states('a', 'b')).toEqual(['unknown', 'failed']);
  });

  it('ends a stuck saga, and one in the middle of its undo', () => {
    expect(stuck().order('terminate').states('~b', '~a')).toEqual(['failed', 'skipped']);
    const story = Story.of([{}, {}]).run('a').claim('b').fail('b').claim('~a');
    const undo = story.report('~a');
    expect(story.order('terminate').asked).toEqual(['abort ~a', 'ended failed']);
    expect(story.decide(story.completedOf(undo))).toEqual(ignored('terminal'));
  });

  it('is the last word about what nobody had begun to undo: an effect that comes after it raises nothing', () => {
    const story = Story.of([{}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').claim('a').order('terminate');
    expect(story.decide(story.completedOf(zombie))).toEqual(ignored('terminal'));
    expect(story.saga.attention).toBe(false);
  });

  it('lets no effect come back unnoticed whose undo had been tried', () => {
    const story = Story.of([{}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').claim('a').fail('a').claim('~a').order('terminate').happens(story.completedOf(zombie));
    expect(story.saga).toMatchObject({ state: 'failed', attention: true });
  });

  it('ends a paused saga, which is not paused any more', () => {
    expect(Story.of([{}]).order('pause').order('terminate').saga).toMatchObject({ state: 'failed', paused: false });
  });
});

describe('pause and resume', () => {
  it('lets nothing be claimed, in either direction', () => {
    const forward = Story.of([{}]).order('pause');
    expect(forward.decide(forward.claimOf('a'))).toEqual(ignored('paused'));
    const back = Story.of([{}, {}]).run('a').order('cancel').order('pause');
    expect(back.decide(back.claimOf('~a'))).toEqual(ignored('paused'));
  });

  it('stores the outcome of what runs, and claims nothing of what follows until it is resumed', () => {
    const story = Story.of([{}, {}]).claim('a').order('pause').complete('a');
    expect(story.states('a', 'b')).toEqual(['completed', 'started']);
    expect(story.decide(story.claimOf('b'))).toEqual(ignored('paused'));
    expect(story.order('resume').asked).toEqual(['do.b']);
    expect(story.run('b').saga.state).toBe('completed');
  });

  it('says when there is nothing to do', () => {
    expect(Story.of([{}]).order('pause').refusal('pause')).toEqual(ignored('already-paused'));
    expect(Story.of([{}]).refusal('resume')).toEqual(ignored('not-paused'));
  });

  it('keeps deadlines waiting', () => {
    const story = Story.of([{}]).order('pause');
    expect(story.decide({ type: 'deadline' })).toEqual(ignored('paused'));
    expect(story.order('resume').happens({ type: 'deadline' }).saga.state).toBe('failed');
  });

  it('does not outlive the saga: an effect that comes after its end must still be undone', () => {
    const story = Story.of([{}, {}]).run('a').claim('b').order('pause');
    expect(story.complete('b').saga).toMatchObject({ state: 'completed', paused: false });
    const late = Story.of([{}]).claim('a');
    const zombie = late.report('a');
    late.lose('a').claim('a').fail('a').claim('~a').order('pause').complete('~a');
    expect(late.saga).toMatchObject({ state: 'compensated', paused: false });
    expect(late.happens(late.completedOf(zombie)).asked).toEqual(['undo.a', 'attention']);
    expect(late.run('~a2').saga).toMatchObject({ state: 'compensated', attention: false });
  });
});

describe('skip-step', () => {
  it('goes on without a step that is due', () => {
    const story = Story.of([{}, {}]).skip('a');
    expect(story.asked).toEqual(['do.b']);
    expect(story.run('b').saga.state).toBe('completed');
  });

  it('of the last step completes the saga', () => {
    expect(Story.of([{}, {}]).run('a').skip('b').asked).toEqual(['ended completed']);
  });

  it('of a step whose turn has not come lets it settle when it comes', () => {
    const story = Story.of([{}, {}, {}]).skip('b');
    expect(story.asked).toEqual([]);
    expect(story.states('a', 'b', 'c')).toEqual(['started', 'skipped', 'pending']);
    expect(story.saga.openActions).toBe(3);
    expect(story.run('a').asked).toEqual(['do.c']);
    expect(story.saga.openActions).toBe(1);
    expect(story.run('c').saga.state).toBe('completed');
  });

  it('of every step that is left completes the saga with the one that runs', () => {
    const story = Story.of([{}, {}, {}]).claim('a').skip('c').skip('b');
    expect(story.complete('a').asked).toEqual(['ended completed']);
    expect(story.saga.openActions).toBe(0);
  });

  it('of a step that waits for several lets it settle with the last of them', () => {
    const story = Story.of([{}, { after: [] }, { after: [0, 1] }, { after: [2] }]).skip('c');
    expect(story.run('a').asked).toEqual([]);
    expect(story.run('b').asked).toEqual(['do.d']);
  });

  it('of a step between two attempts leaves nothing to undo when those failed in their own word', () => {
    const story = Story.of([{ action: TWICE }, {}])
      .claim('a')
      .fail('a')
      .skip('a')
      .claim('b')
      .fail('b');
    expect(story.saga.state).toBe('failed');
  });

  it('of a step that may have taken effect still lets it be undone, and once more when it turns out that it did', () => {
    const story = Story.of([{}, {}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').skip('a').claim('b').fail('b');
    expect(story.asked).toEqual(['undo.a']);
    expect(story.operation('~a').actionOutcome).toBe('unknown');
    expect(story.run('~a').saga.state).toBe('compensated');
    expect(story.happens(story.completedOf(zombie)).asked).toEqual(['undo.a', 'attention']);
    expect(story.run('~a2').saga).toMatchObject({ state: 'compensated', attention: false });
  });

  it('of a step whose turn has not come does not stop the saga from turning back', () => {
    const story = Story.of([{}, {}, {}]).run('a').skip('c').claim('b').fail('b');
    expect(story.asked).toEqual(['undo.a']);
    expect(story.run('~a').saga.state).toBe('compensated');
  });

  it('is refused while somebody runs it, when it has settled, and on the way back', () => {
    const story = Story.of([{}, {}, {}]).run('a').claim('b');
    expect(story.decide(story.step('skip-step', 'b'))).toEqual(ignored('not-claimable'));
    expect(story.decide(story.step('skip-step', 'a'))).toEqual(ignored('not-claimable'));
    expect(story.decide({ type: 'skip-step', step: 7, ...BY })).toEqual(ignored('unknown-operation'));
    story.fail('b');
    expect(story.decide(story.step('skip-step', 'c'))).toEqual(ignored('wrong-direction'));
  });

  it('of a step that is being asked after counts as one that may have taken effect', () => {
    const story = Story.of([{ verify: TWICE }, {}])
      .claim('a')
      .fail('a', 'unknown');
    expect(story.operation('a')).toMatchObject({ state: 'started', verifying: true });
    expect(story.skip('a').asked).toEqual(['do.b']);
    expect(story.claim('b').fail('b').asked).toEqual(['undo.a']);
  });
});

describe('retry-step', () => {
  it('does not wait for the time of the next attempt', () => {
    const story = Story.of([{ action: TWICE }])
      .claim('a')
      .fail('a');
    expect(story.asked).toEqual(['do.a+1000']);
    expect(story.retry('a').asked).toEqual(['do.a']);
    expect(story.run('a').saga.state).toBe('completed');
  });

  it('does not give an action more attempts than its policy', () => {
    const story = Story.of([{ action: TWICE }])
      .claim('a')
      .fail('a')
      .retry('a')
      .claim('a')
      .fail('a');
    expect(story.saga.state).toBe('failed');
  });

  it('does not wait for the time of the next question whether it took effect, on the way back too', () => {
    const story = Story.of([{ verify: TWICE }, { after: [] }])
      .claim('a')
      .claim('b')
      .fail('a', 'unknown')
      .fail('b');
    expect(story.saga.state).toBe('compensating');
    story.claim('a');
    story.happens({ type: 'verified', ...story.report('a'), found: { kind: 'unknown' }, seed: 0.5 });
    expect(story.asked).toEqual(['do.a+1000']);
    expect(story.retry('a').asked).toEqual(['do.a']);
  });

  it('tries an undo again that was given up, with its attempts whole', () => {
    const story = Story.of([{ undo: TWICE }, {}])
      .run('a')
      .claim('b')
      .fail('b')
      .claim('~a')
      .fail('~a');
    story.retry('a').claim('~a').fail('~a');
    expect(story.saga.state).toBe('stuck');
    expect(story.retry('a').saga.state).toBe('compensating');
    expect(story.claim('~a').fail('~a').asked).toEqual(['undo.a+1000']);
    expect(story.retry('a').run('~a').saga.state).toBe('compensated');
  });

  it('of one of two stuck undos tries that one only, and a saga with the other is stuck again afterwards', () => {
    const story = Story.of([{}, { after: [] }, { after: [] }, { after: [0, 1, 2] }], 'continue').run('a', 'b', 'c');
    story.claim('d').fail('d').claim('~c').fail('~c').claim('~b').fail('~b').run('~a');
    expect(story.saga.state).toBe('stuck');
    expect(story.retry('c').asked).toEqual(['undo.c']);
    expect(story.states('~a', '~b', '~c')).toEqual(['completed', 'failed', 'started']);
    expect(story.run('~c').asked).toEqual(['ended stuck']);
    expect(story.retry('b').run('~b').saga.state).toBe('compensated');
  });

  it('of a stuck undo lets those go on that waited for it', () => {
    const story = Story.of([{}, {}, { after: [] }, { after: [1, 2] }], 'continue').run('a', 'b', 'c');
    story.claim('d').fail('d').run('~c').claim('~b').fail('~b');
    expect(story.saga.state).toBe('stuck'); // a is what b was built on
    expect(story.retry('b').run('~b').asked).toEqual(['undo.a']);
    expect(story.run('~a').saga.state).toBe('compensated');
  });

  it('tries one undo again while another still runs', () => {
    const story = Story.of([{}, { after: [] }, { after: [0, 1] }], 'continue').run('a', 'b');
    story.claim('c').fail('c').claim('~b').fail('~b').claim('~a').retry('b');
    expect(story.states('~a', '~b')).toEqual(['running', 'started']);
    expect(story.complete('~a').saga.state).toBe('compensating');
    expect(story.run('~b').saga.state).toBe('compensated');
  });

  it('finds the round that was given up, though a later one waits behind it', () => {
    const story = Story.of([{}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').claim('a').fail('a').claim('~a').fail('~a');
    story.happens(story.completedOf(zombie));
    expect(story.saga.state).toBe('stuck');
    expect(story.states('~a', '~a2')).toEqual(['failed', 'pending']);
    expect(story.retry('a').asked).toEqual(['undo.a']);
    expect(story.run('~a').asked).toEqual(['undo.a']);
    expect(story.run('~a2').saga.state).toBe('compensated');
  });

  it('tries a round again that was given up after the end, which keeps its state', () => {
    const story = Story.of([{}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').claim('a').fail('a').run('~a');
    story.happens(story.completedOf(zombie)).claim('~a2').fail('~a2');
    expect(story.saga).toMatchObject({ state: 'compensated', attention: true });
    expect(story.retry('a').asked).toEqual(['undo.a']);
    expect(story.run('~a2').saga).toMatchObject({ state: 'compensated', attention: false });
  });

  it('is refused for what runs, what is due and what has settled', () => {
    const story = Story.of([{}, {}]);
    expect(story.decide(story.step('retry-step', 'a'))).toEqual(ignored('not-claimable'));
    story.claim('a');
    expect(story.decide(story.step('retry-step', 'a'))).toEqual(ignored('not-claimable'));
    story.complete('a');
    expect(story.decide(story.step('retry-step', 'a'))).toEqual(ignored('not-claimable'));
    expect(story.decide(story.step('retry-step', 'b'))).toEqual(ignored('not-claimable'));
  });
});

describe('a report about the undo of a step', () => {
  it('means the round that was given up, though a later one waits behind it', () => {
    const story = Story.of([{}]).claim('a');
    const zombie = story.report('a');
    story.lose('a').claim('a').fail('a').claim('~a').fail('~a');
    story.happens(story.completedOf(zombie));
    const operation = { step: 0, direction: 'undo', round: 1 } as const;
    story.happens({ type: 'reported', operation, result: { kind: 'completed', output: null }, ...BY });
    expect(story.states('~a', '~a2')).toEqual(['completed', 'started']);
    expect(story.saga.state).toBe('compensating');
  });
});
