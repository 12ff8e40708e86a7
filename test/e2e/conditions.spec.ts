import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  ref,
  SagaCondition,
  SagaDefinition,
  SagaStep,
  StepError,
  type CompensationContext,
  type ConditionAnswer,
  type ConditionContext,
  type StepContext,
  type StepList,
} from 'nest-saga';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';
import { ledgerApp } from './transactional-app';

afterEach(closeApps);

@Injectable()
class Shop {
  readonly calls: string[] = [];
  private failures = 0;

  @SagaStep('shop.score') score(input: unknown) {
    this.calls.push('score');
    return input;
  }
  @SagaStep('shop.approve') approve(_input: unknown, ctx: StepContext) {
    this.calls.push(`approve ${ctx.attempt}`);
    return { by: 'ann' };
  }
  @Compensate('shop.withdraw', { for: 'shop.approve' }) withdraw(_output: unknown, ctx: CompensationContext) {
    this.calls.push(`withdraw ${ctx.outcome}`);
  }
  @SagaStep('shop.ship') ship() {
    this.calls.push('ship');
  }
  @SagaStep('shop.fail') fail() {
    throw new StepError({ code: 'NO_STOCK', message: 'nothing left', retryable: false });
  }
  @SagaStep('shop.flaky', { retry: { attempts: 3, backoff: 'fixed', baseMs: 1 } }) flaky() {
    this.calls.push('flaky');
    if (this.failures++ < 2) throw new Error('not yet');
  }
}

const shopOf = (app: SagaApp): Shop => app.context.get(Shop);
const statuses = async (app: SagaApp, id: string) => (await app.sagas.waitFor(id)).steps.map(({ name, status }) => `${name}: ${status}`);
const reasonOf = async (app: SagaApp, id: string, step: string) =>
  (await app.sagas.history(id)).find((entry) => entry.kind === 'skipped' && entry.step === step)?.reason;

describe('a condition as data', () => {
  it('skips its step when it does not hold, says what was compared, and the saga goes on', async () => {
    const app = await bootSagaApp({ providers: [Shop] });
    const steps: StepList = [
      { name: 'approve', action: 'shop.approve', when: { path: 'context.requiresApproval', equals: true } },
      { name: 'ship', action: 'shop.ship' },
    ];
    const without = await app.sagas.start('order', steps, { requiresApproval: false });
    expect(await statuses(app, without.id)).toEqual(['approve: skipped', 'ship: completed']);
    expect(await reasonOf(app, without.id, 'approve')).toBe('context.requiresApproval is false, not true');
    expect(shopOf(app).calls).toEqual(['ship']);
    const signal = await app.signal('operation.skipped');
    expect(signal.reason).toBe('context.requiresApproval is false, not true');

    const withIt = await app.sagas.start('order', steps, { requiresApproval: true });
    expect(await statuses(app, withIt.id)).toEqual(['approve: completed', 'ship: completed']);
  });

  it('looks at outputs of earlier steps, and a later step takes a default for what was skipped', async () => {
    const app = await bootSagaApp({ providers: [Shop] });
    const steps = (risk: number): StepList => [
      { name: 'score', action: 'shop.score', input: { risk } },
      [
        {
          name: 'approve',
          action: 'shop.approve',
          when: { and: [{ path: 'outputs.score.risk', atLeast: 50 }, { not: { of: ref('score', 'vip'), equals: true } }] },
        },
        { name: 'cool_off', sleepMs: 600_000, when: { path: 'outputs.score.risk', above: 90 } },
      ],
      { name: 'note', action: 'shop.score', input: { by: ref('approve', 'by').or('nobody') } },
    ];
    const low = await app.sagas.waitFor((await app.sagas.start('order', steps(10))).id);
    expect(low.steps.map(({ status }) => status)).toEqual(['completed', 'skipped', 'skipped', 'completed']);
    expect(low.steps.at(-1)?.output).toEqual({ by: 'nobody' });
    expect(await reasonOf(app, low.id, 'cool_off')).toBe('outputs.score.risk is 10, not above 90');
    const high = await app.sagas.waitFor((await app.sagas.start('order', steps(70))).id);
    expect(high.steps.map(({ status }) => status)).toEqual(['completed', 'completed', 'skipped', 'completed']);
    expect(high.steps.at(-1)?.output).toEqual({ by: 'ann' });
  });

  it('leaves nothing to undo where it skipped a step', async () => {
    const app = await bootSagaApp({ providers: [Shop] });
    const { id } = await app.sagas.start(
      'order',
      [
        { name: 'skipped', action: 'shop.approve', when: { path: 'context.gone', exists: true } },
        { name: 'done', action: 'shop.approve' },
        { name: 'fail', action: 'shop.fail' },
      ],
      {},
    );
    expect(await statuses(app, id)).toEqual(['skipped: skipped', 'done: compensated', 'fail: failed']);
    expect(shopOf(app).calls).toEqual(['approve 1', 'withdraw completed']);
  });

  it('does not make a repeated start with a business key a conflict when a deploy adds it', async () => {
    const app = await bootSagaApp({ providers: [Shop] });
    const steps = (when?: { readonly path: string; readonly exists: true }): StepList => [
      { name: 'score', action: 'shop.score' },
      { name: 'ship', action: 'shop.ship', ...(when && { when }) },
    ];
    const first = await app.sagas.start('order', steps(), {}, { businessKey: 'order:1' });
    const again = await app.sagas.start('order', steps({ path: 'outputs.score.x', exists: true }), {}, { businessKey: 'order:1' });
    expect(again).toMatchObject({ id: first.id, created: false });
  });

  it('is refused at start when it cannot be understood, with a guess, and nothing is stored', async () => {
    const app = await bootSagaApp({ providers: [Shop] });
    const start = app.sagas.start('order', [
      { name: 'score', action: 'shop.score' },
      { name: 'approve', action: 'shop.approve', when: { path: 'outputs.scor.risk', equls: 1 } as never },
    ]);
    await expect(start).rejects.toMatchObject({
      code: 'SAGA_PLAN',
      problems: [
        'step "approve": its condition has an unknown field "equls" (did you mean "equals"?)',
        'step "approve": its condition looks at the output of "scor", which is not a step of this saga (did you mean "score"?)',
      ],
    });
    expect(await app.sagas.list()).toEqual([]);
  });
});

@Injectable()
class Conditions {
  readonly asked: unknown[] = [];
  answer: (input: unknown, ctx: ConditionContext) => unknown = () => true;

  @SagaCondition('approval.needed') needed(input: unknown, ctx: ConditionContext): ConditionAnswer | Promise<ConditionAnswer> {
    this.asked.push(input);
    return this.answer(input, ctx) as ConditionAnswer;
  }
}

describe('a condition that is asked', () => {
  const asking = (answer: Conditions['answer']) => async (app: SagaApp) => {
    app.context.get(Conditions).answer = answer;
  };
  const boot = async (answer: Conditions['answer'] = () => true): Promise<SagaApp> => {
    const app = await bootSagaApp({ providers: [Shop, Conditions] });
    await asking(answer)(app);
    return app;
  };
  const askedOf = (app: SagaApp) => app.context.get(Conditions).asked;

  it('is given the input and the context of its step; yes runs the handler in the same attempt, no skips it with a reason', async () => {
    const app = await boot((input, ctx) => {
      const { amount } = input as { amount: number };
      const { limit } = ctx.saga.context as { limit: number };
      return { run: amount > limit, reason: `${amount} is within ${limit} (${ctx.step.name}, attempt ${ctx.attempt})` };
    });
    const steps = (amount: number): StepList => [
      { name: 'approve', action: 'shop.approve', when: 'approval.needed', input: { amount } },
      { name: 'ship', action: 'shop.ship' },
    ];
    const large = await app.sagas.start('order', steps(500), { limit: 100 });
    expect(await statuses(app, large.id)).toEqual(['approve: completed', 'ship: completed']);
    expect(
      (await app.sagas.history(large.id)).filter(({ step }) => step === 'approve').map(({ kind, attempt }) => [kind, attempt]),
    ).toEqual([
      ['claim', 1],
      ['admitted', 1],
      ['completed', 1],
    ]);
    const small = await app.sagas.start('order', steps(50), { limit: 100 });
    expect(await statuses(app, small.id)).toEqual(['approve: skipped', 'ship: completed']);
    expect(await reasonOf(app, small.id, 'approve')).toBe('50 is within 100 (approve, attempt 1)');
    expect(shopOf(app).calls).toEqual(['approve 1', 'ship', 'ship']);
  });

  it('is asked once, however often its handler is tried', async () => {
    const app = await boot();
    const { id } = await app.sagas.start('order', [{ name: 'flaky', action: 'shop.flaky', when: 'approval.needed' }]);
    expect(await statuses(app, id)).toEqual(['flaky: completed']);
    expect(shopOf(app).calls).toHaveLength(3);
    expect(askedOf(app)).toHaveLength(1);
  });

  it('is asked again when it throws, as the retry policy of its step says; then the step has failed and is not undone', async () => {
    const app = await boot(() => {
      throw new TypeError('no answer today');
    });
    const { id } = await app.sagas.start('order', [
      { name: 'done', action: 'shop.approve' },
      { name: 'approve', action: 'shop.approve', when: 'approval.needed', retry: { attempts: 2, backoff: 'fixed', baseMs: 1 } },
    ]);
    const saga = await app.sagas.waitFor(id);
    expect(saga.steps.map(({ status }) => status)).toEqual(['compensated', 'failed']);
    expect(saga.cause).toMatchObject({ kind: 'step-failed', step: 'approve', error: { code: 'TypeError', message: 'no answer today' } });
    expect(saga.cause).not.toHaveProperty('outcome');
    expect(askedOf(app)).toHaveLength(2);
    expect(shopOf(app).calls).toEqual(['approve 1', 'withdraw completed']);
  });

  it('fails its step without an effect when its connection breaks: nothing was done that could be unknown', async () => {
    const app = await boot(() => {
      throw Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
    });
    const { id } = await app.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed' }]);
    expect((await app.sagas.waitFor(id)).state).toBe('failed');
    expect(shopOf(app).calls).toEqual([]);
  });

  it.each([
    ['nothing', undefined, /it returned undefined/],
    ['a number', 1, /it returned number/],
    ['another object', { runs: true }, /unknown field "runs" \(did you mean "run"\?\)/],
    ['no decision', { run: 'yes' }, /"run" of its answer is not true or false/],
  ])('an answer that is none (%s) fails the step', async (_what, answer, message) => {
    const app = await boot(() => answer);
    const { id } = await app.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed' }]);
    const { cause } = await app.sagas.waitFor(id);
    expect(cause).toMatchObject({ kind: 'step-failed', error: { code: 'SAGA_CONDITION', message: expect.stringMatching(message) } });
    expect(shopOf(app).calls).toEqual([]);
  });

  it('that gives no answer in the time of its step fails it, without an effect', async () => {
    const app = await boot(() => new Promise(() => undefined));
    const { id } = await app.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed', timeoutMs: 100 }]);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps[0]?.status, saga.steps[0]?.error?.code]).toEqual(['failed', 'failed', 'STEP_TIMEOUT']);
    expect(shopOf(app).calls).toEqual([]);
  });

  it('that says yes when its saga has turned back runs nothing any more', async () => {
    let sayYes = (_answer: true): void => undefined;
    let wasAsked = (): void => undefined;
    const asked = new Promise<void>((resolve) => (wasAsked = resolve));
    const app = await boot(() => {
      wasAsked();
      return new Promise<true>((resolve) => (sayYes = resolve));
    });
    const { id } = await app.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed' }]);
    await asked;
    await app.sagas.compensate(id, { reason: 'never mind' });
    sayYes(true);
    expect(await statuses(app, id)).toEqual(['approve: skipped']);
    expect(shopOf(app).calls).toEqual([]);
  });

  it('whose process is shut down is asked by another one, and the attempt does not count', async () => {
    const namespace = freshName();
    const hanging = (app: SagaApp) =>
      new Promise<void>((resolve) => {
        app.context.get(Conditions).answer = (_input, ctx) => {
          resolve();
          return new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(new Error('interrupted'))));
        };
      });
    const first = await bootSagaApp({ namespace, providers: [Shop, Conditions] });
    const asked = hanging(first);
    const { id } = await first.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed' }]);
    await asked;
    await first.close();
    const second = await bootSagaApp({ namespace, providers: [Shop, Conditions] });
    expect(await statuses(second, id)).toEqual(['approve: completed']);
    expect(shopOf(second).calls).toEqual(['approve 1']);
    expect(shopOf(first).calls).toEqual([]);
  });

  it.each(['ledger.book', 'ledger.serial'])(
    'stands before a transactional step (%s): no skips it, yes lets it commit once',
    async (action) => {
      const app = await ledgerApp({ more: [Conditions] });
      const run = async () => app.sagas.waitFor((await app.sagas.start('s', [{ name: 'book', action, when: 'approval.needed' }])).id);
      expect((await run()).state).toBe('completed');
      expect(await app.rows()).toHaveLength(1);
      app.context.get(Conditions).answer = () => false;
      expect((await run()).steps[0]?.status).toBe('skipped');
      app.context.get(Conditions).answer = () => {
        throw new Error('no answer');
      };
      expect((await run()).steps[0]?.status).toBe('failed');
      expect(await app.rows()).toHaveLength(1);
      expect(app.ledger.runs).toBe(1);
    },
  );

  it('cannot be named when nobody has it', async () => {
    const app = await boot();
    await expect(app.sagas.start('order', [{ name: 'a', action: 'shop.ship', when: 'approval.need' }])).rejects.toMatchObject({
      problems: [
        'step "a": no process has a condition "approval.need": add @SagaCondition("approval.need") to a method of a provider (did you mean "approval.needed"?)',
      ],
    });
  });

  it('is left to a process that has it, which is told so by explain()', async () => {
    const namespace = freshName();
    const both = await bootSagaApp({ namespace, providers: [Shop, Conditions] });
    await both.close(); // what it has may still be named
    const without = await bootSagaApp({ namespace, providers: [Shop] });
    const { id } = await without.sagas.start('order', [{ name: 'approve', action: 'shop.approve', when: 'approval.needed' }]);
    const { reason } = await without.signal('operation.refused', ({ sagaId }) => sagaId === id);
    expect(reason).toBe('no-condition');
    const { where } = await without.operator.explain(id);
    expect(where).toEqual([`step "approve" waits for a process with @SagaCondition('approval.needed'): none is there.`]);
    const again = await bootSagaApp({ namespace, providers: [Shop, Conditions] });
    expect(await statuses(again, id)).toEqual(['approve: completed']);
    expect(shopOf(without).calls).toEqual([]);
    expect(shopOf(again).calls).toEqual(['approve 1']);
  });
});

@SagaDefinition({ name: 'conditional' })
@Injectable()
class ConditionalSaga {
  declare readonly $input: { readonly express: boolean; readonly gift: boolean };
  readonly calls: string[] = [];

  @SagaStep('pack') pack() {
    this.calls.push('pack');
  }
  @SagaStep('wrap') wrap() {
    this.calls.push('wrap');
  }
  @SagaCondition('wrap') isGift(input: { readonly gift: boolean }) {
    return input.gift;
  }
  @SagaStep('fly', { when: { path: 'context.express', equals: true } }) fly() {
    this.calls.push('fly');
  }
}

describe('in a class', () => {
  it('a step has its condition beside it, as data or as a method', async () => {
    const app = await bootSagaApp({ providers: [ConditionalSaga] });
    const plain = await app.sagas.execute(ConditionalSaga, { express: false, gift: false });
    expect(plain.steps.map(({ status }) => status)).toEqual(['completed', 'skipped', 'skipped']);
    expect(await reasonOf(app, plain.id, 'wrap')).toBe("@SagaCondition('conditional.wrap') said no");
    const all = await app.sagas.execute(ConditionalSaga, { express: true, gift: true });
    expect(all.steps.map(({ status }) => status)).toEqual(['completed', 'completed', 'completed']);
    expect(app.context.get(ConditionalSaga).calls).toEqual(['pack', 'pack', 'wrap', 'fly']);
  });

  it('conditions that belong nowhere are refused at boot, all at once', async () => {
    @SagaDefinition({ name: 'odd' })
    @Injectable()
    class Odd {
      @SagaStep('pack', { when: { path: 'context.x', exist: true } as never }) pack() {}
      @SagaStep('ship', { when: { path: 'context.x', exists: true } }) ship() {}
      @SagaCondition('ship') shipNeeded() {
        return true;
      }
      @SagaCondition('shipp') stray() {
        return true;
      }
    }
    @Injectable()
    class Loose {
      @SagaStep('loose', { when: 'approval.needed' }) loose() {}
      @SagaCondition('bad key') bad() {
        return true;
      }
    }
    const problems = await bootSagaApp({ providers: [Odd, Loose] }).then(
      () => [],
      (error: unknown) => (error as { problems: readonly string[] }).problems,
    );
    expect(problems).toEqual(
      expect.arrayContaining([
        '@SagaCondition on Odd.stray: "shipp" is no step of this saga (did you mean "ship"?)',
        '@SagaDefinition Odd: step "ship" has "when" and a @SagaCondition method; a step has one condition',
        'saga "odd": step "pack": its condition has an unknown field "exist" (did you mean "exists"?)',
        '@SagaStep on Loose.loose: "when" belongs to a step of a @SagaDefinition class',
        expect.stringContaining('@SagaCondition on Loose.bad: the key "bad key" is not a valid name'),
      ]),
    );
  });
});
