import { Injectable, type Type } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Compensate, type SagaModuleOptions, SagaDefinition, SagaStep, type StepContext, StepError, type StepList } from 'nest-saga';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

afterEach(closeApps);

/** What both versions did, and a hand on one step. */
class Journal {
  readonly began: string[] = [];
  readonly done: { readonly by: string; readonly step: string; readonly sagaId: string; readonly key: string; readonly attempt: number }[] =
    [];
  hold: ((ctx: StepContext) => Promise<void>) | undefined;

  async run(by: string, ctx: StepContext): Promise<string> {
    this.began.push(`${by} ${ctx.step.name}`);
    await this.hold?.(ctx);
    this.done.push({ by, step: ctx.step.name, sagaId: ctx.saga.id, key: ctx.idempotencyKey, attempt: ctx.attempt });
    return by;
  }

  stepsOf(sagaId: string): readonly string[] {
    return this.done.filter((each) => each.sagaId === sagaId).map(({ step }) => step);
  }

  get twice(): readonly string[] {
    const keys = this.done.map(({ key }) => key);
    return keys.filter((key, place) => keys.indexOf(key) !== place);
  }
}

let journal: Journal;
let namespace: string;

beforeEach(() => {
  journal = new Journal();
  namespace = freshName();
});

const boot = (version: Type, options: Partial<SagaModuleOptions> = {}): Promise<SagaApp> =>
  bootSagaApp({ namespace, providers: [version], options });

/** Fails its first two attempts: whether there is a third is the plan's business. */
const thirdTimeLucky = (ctx: StepContext): void => {
  if (ctx.attempt < 3) throw new Error('not yet');
};

@SagaDefinition({ name: 'order' })
@Injectable()
class OrderA {
  @SagaStep('create') create(_input: unknown, ctx: StepContext) {
    return journal.run('A', ctx);
  }
  @SagaStep('charge', { retry: { attempts: 3, backoff: 'fixed', baseMs: 10 } }) charge(_input: unknown, ctx: StepContext) {
    thirdTimeLucky(ctx);
    return journal.run('A', ctx);
  }
  @SagaStep('ship') ship(_input: unknown, ctx: StepContext) {
    return journal.run('A', ctx);
  }
}

/** One step more, another order, and a charge that is not tried again. */
@SagaDefinition({ name: 'order' })
@Injectable()
class OrderB {
  @SagaStep('create') create(_input: unknown, ctx: StepContext) {
    return journal.run('B', ctx);
  }
  @SagaStep('check') check(_input: unknown, ctx: StepContext) {
    return journal.run('B', ctx);
  }
  @SagaStep('ship') ship(_input: unknown, ctx: StepContext) {
    return journal.run('B', ctx);
  }
  @SagaStep('charge', { retry: { attempts: 1 } }) charge(_input: unknown, ctx: StepContext) {
    thirdTimeLucky(ctx);
    return journal.run('B', ctx);
  }
}

@Injectable()
class Common {
  @SagaStep('reserve') reserve(_input: unknown, ctx: StepContext) {
    return journal.run('both', ctx);
  }
  @SagaStep('refuse') refuse() {
    throw new StepError({ message: 'no', retryable: false });
  }
}
@Injectable()
class PaymentA extends Common {
  @SagaStep('pay') pay(_input: unknown, ctx: StepContext) {
    return journal.run('A', ctx);
  }
  @Compensate('repay', { for: 'pay' }) repay(_output: unknown, ctx: StepContext) {
    return journal.run('A', ctx);
  }
}
@Injectable()
class PaymentB extends Common {
  @SagaStep('pay.card') pay(_input: unknown, ctx: StepContext) {
    return journal.run('B', ctx);
  }
  @Compensate('repay.card', { for: 'pay.card' }) repay(_output: unknown, ctx: StepContext) {
    return journal.run('B', ctx);
  }
}
@Injectable()
class PaymentOfBothNames extends PaymentB {
  @SagaStep('pay') payAsBefore(_input: unknown, ctx: StepContext) {
    return journal.run('AB', ctx);
  }
  @Compensate('repay', { for: 'pay' }) repayAsBefore(_output: unknown, ctx: StepContext) {
    return journal.run('AB', ctx);
  }
}

const reserve = { name: 'reserve', action: 'reserve' };
const pay = { name: 'pay', action: 'pay' };
const payByCard = { name: 'pay', action: 'pay.card' };
const refuse = { name: 'refuse', action: 'refuse' };

/** Handlers of this step wait until their process shuts down. Resolves when so many do. */
function everyoneWaitsAt(step: string, count = 1): Promise<void> {
  return new Promise((resolve) => {
    journal.hold = async (ctx) => {
      if (ctx.step.name !== step) return;
      if (--count === 0) resolve();
      await new Promise((_, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error)));
    };
  });
}

/** Closes the one whose handlers wait; what comes after it waits no more. */
async function closeWhoWaits(app: SagaApp): Promise<void> {
  const closed = app.close();
  journal.hold = undefined;
  await closed;
}

describe('Two versions of one application', () => {
  it('finish what the first one started by its own plan, although only the second is left', async () => {
    const a = await boot(OrderA);
    const waiting = everyoneWaitsAt('create');
    const started = await a.sagas.start(OrderA, {});
    await waiting;
    const b = await boot(OrderB);
    await closeWhoWaits(a);
    const old = await b.sagas.waitFor(started.id);
    expect(old.state).toBe('completed');
    expect(journal.stepsOf(old.id)).toEqual(['create', 'charge', 'ship']);
    // The attempt that the shutdown interrupted counts as none, and the third charge is of the first plan.
    expect(journal.began[0]).toBe('A create');
    expect(journal.done.map(({ by, attempt }) => `${by}${attempt}`)).toEqual(['B1', 'B3', 'B1']);

    const fresh = await b.sagas.waitFor((await b.sagas.start(OrderB, {})).id);
    expect(fresh.state).toBe('failed');
    expect(journal.stepsOf(fresh.id)).toEqual(['create', 'check', 'ship']);
  });

  it.each<[string, (b: SagaApp) => Promise<SagaApp>]>([
    ['beside the second one a version with both names begins', () => boot(PaymentOfBothNames)],
    ['the second one is rolled back', (b) => b.close().then(() => boot(PaymentA))],
  ])('leave a step alone whose handler only the first one has, forwards and backwards, until %s', async (_what, comes) => {
    const a = await boot(PaymentA);
    const waiting = everyoneWaitsAt('reserve', 2);
    const forwards = await a.sagas.start('forwards', [reserve, pay]);
    const backwards = await a.sagas.start('backwards', [pay, reserve, refuse]);
    await waiting;
    await closeWhoWaits(a);
    const b = await boot(PaymentB);
    await sentForNothing(b, forwards.id, 'action', 1);
    await sentForNothing(b, backwards.id, 'undo', 0);
    expect((await b.sagas.get(forwards.id)).steps[1]).toMatchObject({ status: 'started', error: null });
    expect((await b.sagas.get(backwards.id)).steps[0]).toMatchObject({ status: 'compensating', error: null });

    const last = await comes(b);
    expect((await last.sagas.waitFor(forwards.id)).state).toBe('completed');
    expect((await last.sagas.waitFor(backwards.id)).state).toBe('compensated');
    expect(journal.stepsOf(forwards.id)).toEqual(['reserve', 'pay']);
    expect(journal.stepsOf(backwards.id)).toEqual(['pay', 'reserve', 'pay']);
    expect(journal.twice).toEqual([]);
    expect(journal.done.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  it('take turns, process by process, under load: every saga ends by the plan that it was started with, nothing runs twice', async () => {
    const running = [await boot(PaymentA), await boot(PaymentA)];
    const started: { readonly id: string; readonly steps: StepList }[] = [];
    const startSome = async (app: SagaApp, steps: StepList): Promise<void> => {
      const some = await Promise.all(Array.from({ length: 10 }, () => app.sagas.start('load', steps)));
      started.push(...some.map(({ id }) => ({ id, steps })));
    };
    for (const next of [PaymentB, PaymentB, PaymentOfBothNames]) {
      const leaving = running.shift()!;
      await startSome(leaving, next === PaymentOfBothNames ? [reserve, payByCard] : [reserve, pay]);
      await leaving.close();
      running.push(await boot(next));
    }
    const [one, other] = running as [SagaApp, SagaApp];
    await startSome(one, [reserve, payByCard, refuse]);
    for (const { id, steps } of started) {
      expect((await other.sagas.waitFor(id)).state).toBe(steps.length === 3 ? 'compensated' : 'completed');
      expect(journal.stepsOf(id)).toEqual(steps.length === 3 ? ['reserve', 'pay', 'pay'] : ['reserve', 'pay']);
    }
    expect(journal.twice).toEqual([]);
  });
});

/** Sent three times: the second time a process that has the handler would have taken it. */
async function sentForNothing(app: SagaApp, id: string, direction: string, step: number): Promise<void> {
  let times = 0;
  await app.signal('wake-up.sent', ({ sagaId, operation }) => {
    return sagaId === id && operation.direction === direction && operation.step === step && ++times === 3;
  });
}
