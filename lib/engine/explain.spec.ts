import { describe, expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import type { SagaOrder } from '../core/event';
import type { OperationPolicy, Plan } from '../core/plan';
import { action, plan, Scenario, step, undo, type StartInit } from '../testing/store-contract.scenario';
import { explain, type Explanation } from './explain';
import type { Surroundings } from './explain-operation';

const THRICE: OperationPolicy = { timeoutMs: 1_000, retry: { attempts: 3, backoff: 'fixed', baseMs: 40_000, maxMs: 40_000 }, losses: 5 };
const CHAIN = plan([step('charge', { actionPolicy: THRICE, undoPolicy: THRICE }), step('ship', { dependsOn: [0] })]);
const ANN = { reason: 'the bank is down', actor: 'ann' } as const;

/** A store whose time moves only when it is told to. */
class Case extends Scenario {
  id = '';
  private missing: readonly string[] = [];

  private constructor(private readonly clock: { now: number }) {
    super(new InMemorySagaStore(() => clock.now));
  }

  static async of(of: Plan = CHAIN, init: StartInit = {}): Promise<Case> {
    const made = new Case({ now: 1_000_000 });
    made.id = await made.start(of, init);
    return made;
  }

  later(ms: number): void {
    this.clock.now += ms;
  }

  async order(type: SagaOrder['type']): Promise<void> {
    await this.apply(this.id, { type, ...ANN });
  }

  without(...keys: readonly string[]): this {
    this.missing = keys;
    return this;
  }

  async explain(): Promise<Explanation> {
    const inspected = await this.store.inspect(this.id);
    if (inspected === null) throw new Error('no such saga');
    const around: Surroundings = { graceMs: 30_000, isOffered: (_kind, key) => !this.missing.includes(key), pausedBy: ANN };
    return explain(inspected, around);
  }

  /** Two steps, the second failed, and the undo of the first given up. */
  static async stuck(): Promise<Case> {
    const made = await Case.of(plan([step('charge'), step('ship', { dependsOn: [0] })]));
    await made.perform(made.id, action(0));
    await made.fail(await made.claim(made.id, action(1)));
    await made.fail(await made.claim(made.id, undo(0)));
    return made;
  }

  /** One attempt ends, and nobody knows how. */
  async doubt(place: number): Promise<void> {
    const { operation, claimId } = await this.claim(this.id, action(place));
    await this.apply(this.id, {
      type: 'failed',
      operation: action(place),
      fence: operation.fence,
      claimId,
      error: { code: 'E', message: 'who knows' },
      outcome: 'unknown',
      retryable: false,
      retryAfterMs: undefined,
      seed: 0,
    });
  }

  /** Compensated, and then its first attempt says that it took effect. */
  static async late(): Promise<Case> {
    const made = await Case.of(plan([step('charge')]));
    const zombie = await made.claim(made.id, action(0));
    await made.lose(zombie);
    await made.fail(await made.claim(made.id, action(0)));
    await made.perform(made.id, undo(0));
    await made.complete(zombie, 'charged', null);
    return made;
  }

  async lose({ operation, claimId }: Awaited<ReturnType<Scenario['claim']>>): Promise<void> {
    this.later(1_000_000);
    const { step: place, direction, round, fence } = operation;
    await this.apply(this.id, { type: 'lease-expired', operation: { step: place, direction, round }, fence, claimId, seed: 0 });
  }
}

const calls = ({ options }: Explanation, id: string): readonly string[] => options.map(({ call }) => call.replaceAll(`'${id}'`, 'id'));

const effectOf = ({ options }: Explanation, verb: string): string | undefined =>
  options.find(({ call }) => call.split('(')[0]?.endsWith(`.${verb}`))?.effect;

const OF_SAGA = ['operator.pause(id)', 'operator.cancel(id)', 'operator.terminate(id)'];
const OF_STEP = [
  "operator.skipStep(id, 'charge')",
  "operator.resolveStep(id, 'charge', { status: 'completed', output })",
  "operator.resolveStep(id, 'charge', { status: 'failed', error: { message } })",
];
const UNDONE = "operator.resolveStep(id, 'charge', { status: 'compensated' })";

describe('explain, while the saga goes forward', () => {
  it('names the step that is due, and when it is asked for again', async () => {
    const story = await Case.of();
    const told = await story.explain();
    expect(told.summary).toBe('The saga "order" goes forward: step "charge" is due and waits for a free worker.');
    expect(told).toMatchObject({ state: 'started', where: ['step "charge" is due and waits for a free worker.'] });
    expect(told.next).toEqual([{ what: 'a free worker begins step "charge"; if none does, it is asked for again in 20 s', inMs: 0 }]);
    expect(calls(told, story.id)).toEqual([...OF_STEP, ...OF_SAGA]);
  });

  it('names the process that runs a step, and the attempt', async () => {
    const story = await Case.of();
    await story.claim(story.id, action(0), { worker: 'host-7' });
    const told = await story.explain();
    expect(told.summary).toBe('The saga "order" goes forward: step "charge" runs on host-7 (attempt 1 of 3).');
    expect(told.next).toEqual([
      { what: 'step "charge" reports; if its process has died, its lease ends in 60 s, and 30 s later it is tried again', inMs: 60_000 },
    ]);
    expect(calls(told, story.id)).toEqual([...OF_STEP.slice(1), ...OF_SAGA]);
  });

  it('says what becomes of a step whose process is lost, when it may not be lost again or is not wanted any more', async () => {
    const onceOnly = await Case.of(plan([step('charge', { actionPolicy: { ...THRICE, losses: 1 } })]));
    for (let losses = 0; losses < 2; losses++) await onceOnly.lose(await onceOnly.claim(onceOnly.id, action(0)));
    await onceOnly.claim(onceOnly.id, action(0), { alone: true });
    expect((await onceOnly.explain()).next[0]?.what).toContain('and 30 s later it is given up');
    const cancelled = await Case.of();
    await cancelled.claim(cancelled.id, action(0));
    await cancelled.order('pause');
    expect((await cancelled.explain()).next[0]?.what).toContain('and 30 s later it is tried again when the saga is resumed');
    await cancelled.order('cancel');
    cancelled.later(70_000);
    expect((await cancelled.explain()).next[0]?.what).toBe('step "charge" is taken from its process and given up');
  });

  it('says what it waits for', async () => {
    const story = await Case.of();
    expect((await story.explain()).why).toBe('It waits for a free worker for step "charge".');
    expect((await story.without('do.charge').explain()).why).toBe(`It waits for a process with @SagaStep('do.charge').`);
    story.without();
    await story.store.pauseAction('do.charge', ANN);
    expect((await story.explain()).why).toBe('It waits for "do.charge" to be resumed.');
    await story.store.resumeAction('do.charge', ANN);
    const claim = await story.claim(story.id, action(0));
    expect((await story.explain()).why).toBe('It waits for step "charge" to end.');
    await story.fail(claim);
    expect((await story.explain()).why).toBe('It waits for the next attempt of step "charge".');
  });

  it('says what it waits for when that is much', async () => {
    const story = await Case.of(plan(['a', 'b', 'c', 'd', 'e'].map((name) => step(name))));
    await story.claim(story.id, action(1));
    expect((await story.explain()).why).toBe(
      'It waits for step "b" to end, a free worker for step "a", a free worker for step "c" and 2 more.',
    );
  });

  it('says when the process of a step stopped reporting, and when it is taken away', async () => {
    const story = await Case.of();
    await story.claim(story.id, action(0), { worker: 'host-7' });
    story.later(70_000);
    const { where, next } = await story.explain();
    expect(where).toEqual(['step "charge" runs on host-7 (attempt 1 of 3), but that process has stopped reporting.']);
    expect(next).toEqual([{ what: 'step "charge" is taken from its process and tried again', inMs: 20_000 }]);
  });

  it('says when a step reached its timeout', async () => {
    const story = await Case.of();
    const { claimId, operation } = await story.claim(story.id, action(0), { worker: 'host-7' });
    await story.store.heartbeat([{ sagaId: story.id, operation: action(0), fence: operation.fence, claimId, leaseMs: 1, timedOut: true }]);
    const { where, next } = await story.explain();
    expect(where).toEqual(['step "charge" runs on host-7 (attempt 1 of 3) and has reached its timeout.']);
    expect(next).toEqual([{ what: 'unless step "charge" says how it ended, its outcome is unknown', inMs: 30_000 }]);
  });

  it('says when a step is tried again, and why', async () => {
    const story = await Case.of();
    await story.fail(await story.claim(story.id, action(0)));
    const told = await story.explain();
    expect(told.where).toEqual(['step "charge" is tried again in 40 s (1 of 3 attempts so far): BROKEN, it broke.']);
    expect(told.next).toEqual([{ what: 'step "charge" is tried again', inMs: 40_000 }]);
    expect(calls(told, story.id)).toEqual(["operator.retryStep(id, 'charge')", ...OF_STEP, ...OF_SAGA]);
    story.later(40_000);
    expect((await story.explain()).where).toEqual(['step "charge" is due and waits for a free worker.']);
  });

  it('counts the attempts that a handler has asked for itself', async () => {
    const story = await Case.of(plan([step('charge')]));
    await story.fail(await story.claim(story.id, action(0)), { retryable: true, retryAfterMs: 40_000 });
    expect((await story.explain()).where).toEqual(['step "charge" is tried again in 40 s (1 of 3 attempts so far): BROKEN, it broke.']);
    story.later(40_000);
    await story.claim(story.id, action(0), { worker: 'host-7' });
    expect((await story.explain()).where).toEqual(['step "charge" runs on host-7 (attempt 2 of 3).']);
  });

  it('names the handler that no process has', async () => {
    const told = await (await Case.of()).without('do.charge').explain();
    expect(told.where).toEqual([`step "charge" waits for a process with @SagaStep('do.charge'): none is there.`]);
    expect(told.next).toEqual([{ what: `step "charge" begins when a process with @SagaStep('do.charge') is there`, inMs: null }]);
    expect(told.options[0]?.call).toBe('(start a process with "do.charge")');
  });

  it('says who paused the saga', async () => {
    const story = await Case.of();
    await story.order('pause');
    const told = await story.explain();
    expect(told.summary).toBe(
      'The saga "order" is paused while it goes forward: step "charge" waits for the saga to be resumed. ann paused it: the bank is down.',
    );
    expect(told.next).toEqual([{ what: 'nothing, until a person acts', inMs: null }]);
    expect(calls(told, story.id)).toEqual([...OF_STEP, 'operator.resume(id)', ...OF_SAGA.slice(1)]);
  });

  it('says of each order what it does to a paused saga', async () => {
    const story = await Case.of();
    await story.fail(await story.claim(story.id, action(0)));
    await story.order('pause');
    const told = await story.explain();
    expect(calls(told, story.id)).toEqual(["operator.retryStep(id, 'charge')", ...OF_STEP, 'operator.resume(id)', ...OF_SAGA.slice(1)]);
    expect(effectOf(told, 'retryStep')).toBe('tries it once the saga is resumed, whatever its time');
    expect(effectOf(told, 'skipStep')).toBe('goes on without the step once it is resumed; what refers to its output will fail');
    expect(effectOf(told, 'cancel')).toBe('turns back and stays paused; what was done is undone once it is resumed');
    expect(effectOf(told, 'resume')).toBe('goes on where it was');
  });

  it('says who paused the action', async () => {
    const story = await Case.of();
    await story.store.pauseAction('do.charge', ANN);
    const told = await story.explain();
    expect(told.summary).toBe('The saga "order" goes forward: step "charge" waits because ann paused "do.charge": the bank is down.');
    expect(told.next).toEqual([{ what: 'nothing, until a person acts', inMs: null }]);
    expect(told.options[0]?.call).toBe(`operator.resumeAction('do.charge')`);
  });

  it('says that a step whose process died twice waits for a worker that runs nothing else', async () => {
    const story = await Case.of();
    await story.lose(await story.claim(story.id, action(0)));
    expect((await story.explain()).where).toEqual(['step "charge" is due and waits for a free worker (its process died once).']);
    await story.lose(await story.claim(story.id, action(0)));
    const [where] = (await story.explain()).where;
    expect(where).toBe('step "charge" is due and waits for a free worker, one that runs nothing else (its process died 2 times).');
  });

  it('says that a step is being asked after', async () => {
    const story = await Case.of(plan([step('charge', { verifyPolicy: THRICE })]));
    await story.doubt(0);
    await story.store.pauseAction('do.charge', ANN); // keeps nobody from asking
    expect((await story.explain()).where).toEqual(['the question whether step "charge" took effect is due and waits for a free worker.']);
    expect((await story.explain()).why).toBe('It waits for the question whether step "charge" took effect to be answered.');
    expect((await story.without('do.charge').explain()).where).toEqual([
      `the question whether step "charge" took effect waits for a process with @Verify('do.charge'): none is there.`,
    ]);
  });

  it('says when its deadline passes', async () => {
    const story = await Case.of(CHAIN, { deadlineMs: 600_000 });
    expect((await story.explain()).next.at(-1)).toEqual({ what: 'its deadline passes in 10 min, and it turns back', inMs: 600_000 });
    story.later(600_000);
    const told = await story.explain();
    expect(told.where).toEqual(['step "charge" is not begun any more, because the deadline has passed.']);
    expect(told.next).toEqual([{ what: 'its deadline has passed, and it turns back', inMs: 0 }]);
  });

  it('tells of all that is under way, what runs first', async () => {
    const story = await Case.of(plan([step('charge'), step('ship'), step('mail')]));
    await story.claim(story.id, action(1), { worker: 'host-7' });
    const told = await story.explain();
    expect(told.summary).toBe('The saga "order" goes forward: step "ship" runs on host-7 (attempt 1 of 1) (and 2 more).');
    expect(told.where).toHaveLength(3);
  });
});

describe('explain, on the way back', () => {
  it('says why it turned back, and that it waits for what still runs', async () => {
    const story = await Case.of();
    await story.claim(story.id, action(0), { worker: 'host-7' });
    await story.order('cancel');
    const { why, state } = await story.explain();
    expect(state).toBe('compensating');
    expect(why).toBe('It turned back because ann asked for it: the bank is down. Before anything is undone it waits for what still runs.');
  });

  it('names the undo that is tried, and when', async () => {
    const story = await Case.of();
    await story.perform(story.id, action(0));
    await story.order('cancel');
    await story.fail(await story.claim(story.id, undo(0)));
    const told = await story.explain();
    expect(told.summary).toBe(
      'The saga "order" has turned back: the undo of step "charge" is tried again in 40 s (1 of 3 attempts so far): BROKEN, it broke. ' +
        'It turned back because ann asked for it: the bank is down.',
    );
    expect(calls(told, story.id)).toEqual(["operator.retryStep(id, 'charge')", UNDONE, 'operator.pause(id)', 'operator.terminate(id)']);
  });

  it('says what is stuck, and what a person may do', async () => {
    const story = await Case.stuck();
    const told = await story.explain();
    expect(told.summary).toBe(
      'The saga "order" is stuck and waits for a person: the undo of step "charge" was given up after 1 attempt: BROKEN, it broke. ' +
        'It turned back because step "ship" failed (BROKEN: it broke).',
    );
    expect(told.why).toContain('The undo of "charge" was given up.');
    expect(told.next).toEqual([{ what: 'nothing, until a person acts', inMs: null }]);
    expect(calls(told, story.id)).toEqual([
      "operator.retryStep(id, 'charge')",
      UNDONE,
      'operator.pause(id)',
      'sagas.compensate(id)',
      'operator.terminate(id)',
    ]);
  });

  it('does not say that a step failed of which nobody knows whether it took effect', async () => {
    const story = await Case.of();
    await story.doubt(0);
    expect((await story.explain()).why).toBe('It turned back because nobody knows whether step "charge" took effect (E: who knows).');
  });

  it('says who reported that a step had failed', async () => {
    const story = await Case.of();
    await story.perform(story.id, action(0));
    const error = { code: 'NO_STOCK', message: 'sold out' };
    await story.apply(story.id, { type: 'reported', operation: action(1), result: { kind: 'failed', error }, ...ANN });
    expect((await story.explain()).why).toBe(
      'It turned back because ann said that step "ship" failed (NO_STOCK: sold out): the bank is down.',
    );
  });

  it('says which undos wait behind the one that was given up', async () => {
    const chain = ['a', 'b', 'c', 'd'].map((name, place) => step(name, { dependsOn: place === 0 ? [] : [place - 1] }));
    const story = await Case.of(plan(chain));
    for (const place of [0, 1, 2]) await story.perform(story.id, action(place));
    await story.fail(await story.claim(story.id, action(3)));
    await story.fail(await story.claim(story.id, undo(2)));
    const told = await story.explain();
    expect(told.where).toEqual([
      'the undo of step "c" was given up after 1 attempt: BROKEN, it broke.',
      'the undo of step "b" waits behind what was given up and has not been done.',
      'the undo of step "a" waits behind what was given up and has not been done.',
    ]);
    expect(told.summary).toBe(
      'The saga "order" is stuck and waits for a person: the undo of step "c" was given up after 1 attempt: BROKEN, it broke. ' +
        'It turned back because step "d" failed (BROKEN: it broke). The undos of "b" and "a" wait behind it and have not been done.',
    );
  });

  it.each([
    ['halt', 'Nothing more begins, and when what is under way has ended a person must act.'],
    ['continue', 'What it was built on waits for a person, the rest goes on.'],
  ] as const)('says while others are under way that one was given up, and what becomes of the rest: %s', async (onStuck, rest) => {
    const beside = plan([step('a'), step('b'), step('c', { dependsOn: [0, 1] })]);
    const story = await Case.of({ ...beside, ...(onStuck === 'continue' && { onStuck }) });
    for (const place of [0, 1]) await story.perform(story.id, action(place));
    await story.fail(await story.claim(story.id, action(2)));
    await story.claim(story.id, undo(0), { worker: 'host-7' });
    await story.fail(await story.claim(story.id, undo(1)));
    const told = await story.explain();
    expect(told.why).toBe(`It turned back because step "c" failed (BROKEN: it broke). The undo of "b" was given up. ${rest}`);
    expect(told.where).toHaveLength(2);
    expect(calls(told, story.id)).toContain("operator.retryStep(id, 'b')");
  });

  it('says of one that is stuck and paused that it is both, and that a resume is not enough', async () => {
    const story = await Case.stuck();
    await story.order('pause');
    const told = await story.explain();
    expect(told.why).toBe(
      'It turned back because step "ship" failed (BROKEN: it broke). The undo of "charge" was given up. ann paused it: the bank is down.',
    );
    expect(told.summary).toContain('is paused while it is stuck: the undo of step "charge" was given up');
    expect(told.summary).toContain('ann paused it: the bank is down.');
    expect(effectOf(told, 'resume')).toBe('ends the pause; it stays stuck');
    expect(effectOf(told, 'compensate')).toBe('tries every undo again that was given up once it is resumed');
    expect(effectOf(told, 'retryStep')).toBe('tries the undo again once it is resumed, with all its attempts');
  });
});

describe('explain, after the end', () => {
  it('says that every step completed', async () => {
    const story = await Case.of();
    await story.perform(story.id, action(0));
    await story.perform(story.id, action(1));
    const told = await story.explain();
    expect(told).toMatchObject({
      summary: 'The saga "order" has ended as completed. Every step completed.',
      state: 'completed',
      where: [],
      next: [{ what: 'nothing: it has ended', inMs: null }],
    });
    expect(calls(told, story.id)).toEqual(['sagas.delete(id)']);
  });

  it('names the steps that were skipped', async () => {
    const story = await Case.of(plan([step('charge'), step('mail'), step('ship')]));
    await story.perform(story.id, action(0));
    await story.apply(story.id, { type: 'skip-step', step: 1, ...ANN });
    const other = await Case.of(plan([step('charge'), step('mail')]));
    for (const place of [0, 1]) await other.apply(other.id, { type: 'skip-step', step: place, ...ANN });
    expect((await other.explain()).why).toBe('Every step completed but "charge" and "mail", which were skipped.');
    await story.perform(story.id, action(2));
    expect((await story.explain()).why).toBe('Every step completed but "mail", which was skipped.');
  });

  it('says why it failed, and why it was compensated', async () => {
    const failed = await Case.of();
    await failed.fail(await failed.claim(failed.id, action(0)), { retryable: false });
    expect((await failed.explain()).summary).toBe(
      'The saga "order" has ended as failed. It turned back because step "charge" failed (BROKEN: it broke). ' +
        'Nothing that may have taken effect has an undo.',
    );
    const late = await Case.of(CHAIN, { deadlineMs: 10 });
    await late.perform(late.id, action(0));
    await late.apply(late.id, { type: 'deadline' });
    await late.perform(late.id, undo(0));
    expect((await late.explain()).summary).toBe(
      'The saga "order" has ended as compensated. It turned back because its deadline passed. Everything that needed an undo was undone.',
    );
  });

  it('says who terminated it, and does not offer what was given up before', async () => {
    const story = await Case.stuck();
    await story.order('terminate');
    const told = await story.explain();
    expect(told.summary).toBe(
      'The saga "order" has ended as failed. ann ended it as it was, with nothing more undone: the bank is down. Not undone: "charge".',
    );
    expect(told.where).toEqual(['step "charge" took effect, and its undo "undo.charge" did not succeed in 1 attempt: BROKEN, it broke.']);
    expect(calls(told, story.id)).toEqual(['sagas.delete(id)']);
  });

  it('names every effect that a person left when ending it, and none that was undone or has no undo', async () => {
    const chain = ['a', 'b', 'c', 'd', 'e'].map((name, place) =>
      step(name, { dependsOn: place === 0 ? [] : [place - 1], ...(name === 'd' ? { compensation: null } : {}) }),
    );
    const forward = await Case.of(plan(chain));
    for (const place of [0, 1, 2, 3]) await forward.perform(forward.id, action(place));
    await forward.claim(forward.id, action(4));
    await forward.order('terminate');
    const told = await forward.explain();
    expect(told.where).toEqual([
      'step "e" may have taken effect, and its undo "undo.e" was never begun.',
      ...['c', 'b', 'a'].map((name) => `step "${name}" took effect, and its undo "undo.${name}" was never begun.`),
    ]);
    expect(told.summary).toMatch(/Not undone: "e" \(if it took effect\), "c", "b" and "a"\.$/);

    const back = await Case.of(plan(chain));
    for (const place of [0, 1, 2]) await back.perform(back.id, action(place));
    await back.order('cancel');
    await back.perform(back.id, undo(2));
    await back.claim(back.id, undo(1));
    await back.order('terminate');
    expect((await back.explain()).where).toEqual([
      'step "b" took effect, and nobody knows whether its undo "undo.b" did.',
      'step "a" took effect, and its undo "undo.a" was never begun.',
    ]);
  });

  it('names nothing as left that was undone after a late effect', async () => {
    const story = await Case.of(plan([step('charge')]));
    const zombie = await story.claim(story.id, action(0));
    await story.lose(zombie);
    await story.fail(await story.claim(story.id, action(0)));
    await story.claim(story.id, undo(0));
    await story.order('terminate');
    expect((await story.explain()).summary).toContain('Not undone: "charge" (if it took effect).');
    await story.complete(zombie, 'charged', null);
    expect((await story.explain()).where).toEqual(['the undo of step "charge" is due and waits for a free worker.']);
    await story.perform(story.id, { ...undo(0), round: 2 });
    expect((await story.explain()).where).toEqual([]);
  });

  it('says what needs attention, and what a person may do once that undo was given up', async () => {
    const story = await Case.late();
    const told = await story.explain();
    expect(told.summary).toBe(
      'The saga "order" has ended as compensated and needs attention: the undo of step "charge" is due and waits for a free worker. ' +
        'An effect came after its end and is not undone yet.',
    );
    expect(calls(told, story.id)).toEqual([UNDONE]);
    await story.fail(await story.claim(story.id, { ...undo(0), round: 2 }));
    const stuck = await story.explain();
    expect(stuck.where).toEqual(['the undo of step "charge" was given up after 1 attempt: BROKEN, it broke.']);
    expect(stuck.next).toEqual([{ what: 'nothing, until a person acts', inMs: null }]);
    expect(calls(stuck, story.id)).toEqual(["operator.retryStep(id, 'charge')", UNDONE]);
  });
});
