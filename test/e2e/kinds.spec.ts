// A journey: three reservations side by side, the charge as the pivot, then tickets that must be issued and a mail that may fail.
import { Injectable, type Provider } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  defineSaga,
  ref,
  type Saga,
  SagaDefinition,
  SagaPastPivotError,
  SagaStep,
  SagaStepRefusedError,
  SagaStuckError,
  type StepContext,
  StepError,
  type StepList,
  type TransactionalStepContext,
  UnknownOutcomeError,
  Verify,
  type VerifyAnswer,
} from 'nest-saga';
import { type EntityManager } from 'typeorm';
import { bootSagaApp, closeApps, type SagaApp } from './saga-app';

afterEach(closeApps);

type Behaviour = (ctx: StepContext) => unknown;

/** Whoever sells parts of a journey; each step does what it is told here, or well. */
@Injectable()
class Agency {
  readonly does = new Map<string, Behaviour>();
  readonly done: string[] = [];
  readonly undone: string[] = [];

  @SagaStep('reserve') reserve(_input: unknown, ctx: StepContext) {
    return this.act(ctx);
  }
  @Compensate('release', { for: 'reserve' }) release(_output: unknown, { step }: CompensationContext) {
    this.undone.push(step.name);
  }
  @SagaStep('charge') charge(_input: unknown, ctx: StepContext) {
    return this.act(ctx);
  }
  @SagaStep('issue') issue(_input: unknown, ctx: StepContext) {
    return this.act(ctx);
  }
  @SagaStep('mail') mail(_input: unknown, ctx: StepContext) {
    return this.act(ctx);
  }

  private async act(ctx: StepContext): Promise<unknown> {
    const answer = await this.does.get(ctx.step.name)?.(ctx);
    this.done.push(ctx.step.name);
    return answer === undefined ? { step: ctx.step.name } : answer;
  }
}

const FAST = { attempts: 2, backoff: 'fixed', baseMs: 10, maxMs: 10 } as const;

const JOURNEY: StepList = [
  [
    { name: 'flight', action: 'reserve' },
    { name: 'hotel', action: 'reserve' },
    { name: 'car', action: 'reserve' },
  ],
  { name: 'charge', action: 'charge', kind: 'pivot' },
  [
    { name: 'tickets', action: 'issue', kind: 'retriable', retry: FAST, input: ref('charge') },
    { name: 'mail', action: 'mail', kind: 'optional' },
  ],
];

interface Trip extends SagaApp {
  readonly agency: Agency;
  readonly id: string;
  readonly ended: () => Promise<Saga>;
}

async function travel(
  does: Readonly<Record<string, Behaviour>> = {},
  options: { readonly deadlineMs?: number } = {},
  others: readonly Provider[] = [],
): Promise<Trip> {
  const app = await bootSagaApp({ providers: [Agency, ...others] });
  const agency = app.context.get(Agency);
  for (const [step, behaviour] of Object.entries(does)) agency.does.set(step, behaviour);
  const { id } = await app.sagas.start('journey', JOURNEY, {}, options);
  return { ...app, agency, id, ended: () => app.sagas.waitFor(id) };
}

/** A step that waits until it is told how to end. */
function held() {
  let begin: () => void = () => undefined;
  let end: (answer: Promise<unknown>) => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const answer = new Promise<unknown>((resolve) => (end = resolve));
  return {
    behaviour: () => {
      begin();
      return answer;
    },
    begun,
    complete: () => end(Promise.resolve(undefined)),
    fail: (error: Error) => end(Promise.reject(error)),
  };
}

const REFUSED = new StepError({ code: 'CARD_DECLINED', message: 'no', retryable: false });
const silent: Behaviour = () => {
  throw new UnknownOutcomeError('the bank did not answer');
};
const statuses = ({ steps }: Saga) => Object.fromEntries(steps.map(({ name, status }) => [name, status]));
const ANN = { reason: 'the customer called', actor: 'ann' } as const;

describe('A journey', () => {
  it('completes, and its output is that of its last step', async () => {
    const { ended } = await travel();
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', pastPivot: true, attention: false, turning: null, output: { step: 'mail' } });
  });

  it('whose pivot fails gives all three reservations back', async () => {
    const { ended, agency } = await travel({
      charge: () => {
        throw REFUSED;
      },
    });
    const saga = await ended();
    expect(saga).toMatchObject({
      state: 'compensated',
      pastPivot: false,
      cause: { step: 'charge', error: { code: 'CARD_DECLINED' } },
      output: null,
    });
    expect([...agency.undone].sort()).toEqual(['car', 'flight', 'hotel']);
    expect(agency.done).not.toContain('tickets');
  });

  it('goes on when an optional step fails, and completes', async () => {
    const { ended } = await travel({
      mail: () => {
        throw REFUSED;
      },
    });
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', cause: null, output: null });
    expect(statuses(saga)).toMatchObject({ tickets: 'completed', mail: 'failed' });
  });
});

describe('A pivot of which nobody knows whether it took effect', () => {
  it('stops the saga, and explain() says what a person may do', async () => {
    const { ended, operator, sagas, id, agency } = await travel({ charge: silent });
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'stuck', pastPivot: false, cause: { step: 'charge', outcome: 'unknown' } });
    expect(agency.undone).toEqual([]);
    const { summary, options } = await operator.explain(id);
    expect(summary).toContain('nobody knows whether the pivot "charge" took effect');
    expect(options.map(({ call }) => call).join(' ')).toMatch(/resolveStep.*completed.*resolveStep.*failed/);
    expect(options.map(({ call }) => call).join(' ')).not.toContain('compensate');
    await expect(sagas.compensate(id)).rejects.toThrow(SagaStepRefusedError);
    await expect(operator.cancel(id)).rejects.toThrow(/resolveStep\(\) says how that ended/);
    await expect(operator.skipStep(id, 'charge')).rejects.toThrow('resolveStep() says how it ended');
    expect(await sagas.get(id)).toEqual(saga);
  });

  it.each([
    ['done', 'completed'],
    ['not-done', 'compensated'],
    ['unknown', 'stuck'],
  ] as const)('is asked after first where there is a @Verify handler: %s, and the saga is %s', async (outcome, state) => {
    @Injectable()
    class Books {
      @Verify('charge', { retry: { attempts: 1 } }) look(): VerifyAnswer {
        return { outcome };
      }
    }
    const { ended } = await travel({ charge: silent }, {}, [Books]);
    expect(await ended()).toMatchObject({ state });
  });

  it('goes forward when somebody says that it did', async () => {
    const { ended, operator, id } = await travel({ charge: silent });
    await ended();
    await operator.resolveStep(id, 'charge', { status: 'completed', output: { receipt: 7 } }, ANN);
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', pastPivot: true, cause: null, attention: false });
    expect(statuses(saga)).toMatchObject({ charge: 'completed', tickets: 'completed' });
  });

  it('turns back when somebody says that it did not', async () => {
    const { ended, operator, id, agency } = await travel({ charge: silent });
    await ended();
    await operator.resolveStep(id, 'charge', { status: 'failed', error: { message: 'not in the books' } }, ANN);
    const saga = await ended();
    expect(saga).toMatchObject({
      state: 'compensated',
      cause: { step: 'charge', error: { message: 'not in the books' }, reportedBy: ANN },
    });
    expect([...agency.undone].sort()).toEqual(['car', 'flight', 'hotel']);
  });

  it('is a SagaStuckError to whoever waits with execute()', async () => {
    const app = await bootSagaApp({ providers: [Agency] });
    app.context.get(Agency).does.set('charge', silent);
    await expect(app.sagas.execute('journey', JOURNEY)).rejects.toThrow(SagaStuckError);
  });
});

describe('A wish to turn back that comes while the pivot runs', () => {
  it('is not fulfilled when the pivot completes: the saga goes forward and a person is told', async () => {
    const charge = held();
    const { ended, operator, sagas, id, agency, signal } = await travel({ charge: charge.behaviour });
    await charge.begun;
    expect(await operator.cancel(id, ANN)).toMatchObject({ state: 'started', turning: { kind: 'asked', ...ANN } });
    expect((await operator.explain(id)).summary).toContain('whether it can is decided by the outcome of its pivot "charge"');
    await operator.cancel(id, { actor: 'bob' }); // the wish is known
    charge.complete();
    await signal('saga.attention', ({ raised }) => raised);
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', attention: true, turning: { kind: 'asked', actor: 'ann' } });
    expect(agency.undone).toEqual([]);
    await expect(sagas.delete(id)).rejects.toMatchObject({ code: 'SAGA_ATTENTION' });
    expect((await operator.explain(id)).options[0]?.call).toBe(`operator.acknowledge('${id}')`);
    expect(await operator.acknowledge(id, ANN)).toMatchObject({ state: 'completed', attention: false });
    await sagas.delete(id);
  });

  it('is fulfilled when the pivot fails, and is the cause', async () => {
    const charge = held();
    const { ended, operator, id, agency } = await travel({ charge: charge.behaviour });
    await charge.begun;
    await operator.cancel(id, ANN);
    charge.fail(REFUSED);
    expect(await ended()).toMatchObject({ state: 'compensated', cause: { kind: 'asked', ...ANN }, turning: null, attention: false });
    expect([...agency.undone].sort()).toEqual(['car', 'flight', 'hotel']);
  });

  it('waits for a person when nobody knows how the pivot ended', async () => {
    const charge = held();
    const { ended, operator, id } = await travel({ charge: charge.behaviour });
    await charge.begun;
    await operator.cancel(id, ANN);
    charge.fail(new UnknownOutcomeError('the bank did not answer'));
    expect(await ended()).toMatchObject({ state: 'stuck', turning: { kind: 'asked' } });
    await operator.resolveStep(id, 'charge', { status: 'failed', error: { message: 'no' } });
    expect(await ended()).toMatchObject({ state: 'compensated', cause: { kind: 'asked', ...ANN } });
  });

  it('may be a deadline: what follows the pivot is begun all the same', async () => {
    const charge = held();
    const { ended, sagas, id, signal } = await travel({ charge: charge.behaviour }, { deadlineMs: 2_000 });
    await charge.begun;
    await signal('sweep.done', ({ deadlines }) => deadlines > 0);
    expect(await sagas.get(id)).toMatchObject({ state: 'started', turning: { kind: 'deadline' } });
    charge.complete();
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', attention: true, turning: { kind: 'deadline' } });
    expect(statuses(saga)).toMatchObject({ tickets: 'completed', mail: 'completed' });
    expect((await sagas.history(id)).filter(({ kind }) => kind === 'deadline')).toHaveLength(1);
  });
});

describe('Past its pivot a saga', () => {
  it('cannot turn back, and says so; it can be ended as it is', async () => {
    const tickets = held();
    const { operator, sagas, id, agency } = await travel({ tickets: tickets.behaviour });
    await tickets.begun;
    await expect(sagas.compensate(id, ANN)).rejects.toThrow(SagaPastPivotError);
    await expect(operator.cancel(id, ANN)).rejects.toMatchObject({ code: 'SAGA_PAST_PIVOT' });
    expect(await sagas.get(id)).toMatchObject({ state: 'started', turning: null, attention: false });
    expect((await sagas.history(id)).filter(({ reason }) => reason === ANN.reason)).toEqual([]);
    const { summary, options } = await operator.explain(id);
    expect(summary).toContain('It is past its pivot "charge": it goes forward only.');
    expect(options.map(({ call }) => call).join(' ')).not.toContain('cancel');
    expect(await operator.terminate(id, ANN)).toMatchObject({ state: 'failed' });
    tickets.complete();
    expect(agency.undone).toEqual([]);
  });

  it('tries a retriable step until it completes, and says once that it takes long', async () => {
    let tries = 0;
    const { ended, signals, signal } = await travel({
      tickets: () => {
        if (++tries < 6) throw REFUSED;
      },
    });
    await signal('saga.attention', ({ raised }) => raised);
    const saga = await ended();
    expect(saga).toMatchObject({ state: 'completed', attention: false });
    expect(tries).toBe(6);
    expect(signals.filter(({ type }) => type === 'saga.attention')).toMatchObject([{ raised: true }, { raised: false }]);
  });

  it('goes on without a retriable step when a person says so', async () => {
    const { ended, operator, id, signal } = await travel({
      tickets: () => {
        throw new StepError({ message: 'the airline is gone', retryable: true, retryAfterMs: 3_600_000 });
      },
    });
    await signal('operation.failed', ({ step }) => step === 'tickets');
    await expect(operator.resolveStep(id, 'tickets', { status: 'failed', error: { message: 'no' } })).rejects.toThrow(
      'a retriable step is tried until it completes',
    );
    await operator.skipStep(id, 'tickets', ANN);
    expect(statuses(await ended())).toMatchObject({ tickets: 'skipped', mail: 'completed' });
  });
});

describe('ctx.finish()', () => {
  it("ends the saga early and well: what has not begun is skipped, and its output is the saga's", async () => {
    const app = await bootSagaApp({ providers: [Agency] });
    const agency = app.context.get(Agency);
    agency.does.set('look', (ctx) => ctx.finish({ paid: 'already' }));
    const saga = await app.sagas.execute('journey', [
      { name: 'look', action: 'reserve' },
      { name: 'charge', action: 'charge', kind: 'pivot' },
      { name: 'tickets', action: 'issue', kind: 'retriable' },
    ]);
    expect(saga).toMatchObject({ state: 'completed', output: { paid: 'already' }, pastPivot: false });
    expect(statuses(saga)).toEqual({ look: 'completed', charge: 'skipped', tickets: 'skipped' });
    expect([...agency.done, ...agency.undone]).toEqual(['look']);
  });

  it('commits with what a transactional handler has written', async () => {
    @Injectable()
    class Ledger {
      @SagaStep('book', { transactional: true }) async book(_input: unknown, ctx: TransactionalStepContext<unknown, EntityManager>) {
        const [row] = await ctx.manager.query<{ one: number }[]>('SELECT 1 AS one');
        return ctx.finish(row);
      }
    }
    const app = await bootSagaApp({ providers: [Agency, Ledger] });
    const saga = await app.sagas.execute('booking', [
      { name: 'book', action: 'book', compensation: null },
      [
        { name: 'flight', action: 'reserve' },
        { name: 'hotel', action: 'reserve' },
      ],
    ]);
    expect(saga).toMatchObject({ state: 'completed', output: { one: 1 } });
    expect(statuses(saga)).toEqual({ book: 'completed', flight: 'skipped', hotel: 'skipped' });
  });

  it('lets what runs end; if that fails, the saga turns back all the same', async () => {
    const slow = held();
    const app = await bootSagaApp({ providers: [Agency] });
    const agency = app.context.get(Agency);
    agency.does.set('slow', slow.behaviour);
    agency.does.set('look', async (ctx) => {
      await slow.begun;
      return ctx.finish('early');
    });
    const { id } = await app.sagas.start('journey', [
      [
        { name: 'look', action: 'reserve' },
        { name: 'slow', action: 'reserve' },
      ],
      { name: 'after', action: 'issue' },
    ]);
    await app.signal('operation.completed', ({ operation }) => operation.step === 0);
    expect(await app.sagas.get(id)).toMatchObject({ state: 'started', output: null });
    slow.fail(REFUSED);
    const saga = await app.sagas.waitFor(id);
    expect(saga).toMatchObject({ state: 'compensated', output: null });
    expect(statuses(saga)).toEqual({ look: 'compensated', slow: 'failed', after: 'skipped' });
  });
});

describe('Kinds of steps', () => {
  it('can be said in a class and in a builder', async () => {
    @SagaDefinition({ name: 'class_journey' })
    @Injectable()
    class Journey {
      declare readonly $input: { readonly to: string };
      readonly undone: string[] = [];
      @SagaStep('flight') flight() {
        return 'seat 7';
      }
      @Compensate('flight') giveBack(output: unknown) {
        this.undone.push(String(output));
      }
      @SagaStep('mail', { after: 'flight', kind: 'optional' }) mail(): void {
        throw REFUSED;
      }
      @SagaStep('pay', { after: ['flight', 'mail'], kind: 'pivot' }) pay(input: { readonly to: string }): void {
        if (input.to === 'nowhere') throw REFUSED;
      }
      @SagaStep('ticket', { kind: 'retriable' }) ticket() {
        return 'ticket';
      }
    }
    const app = await bootSagaApp({ providers: [Journey, Agency] });
    expect(await app.sagas.execute(Journey, { to: 'Rome' })).toMatchObject({ state: 'completed', pastPivot: true, output: 'ticket' });
    await expect(app.sagas.execute(Journey, { to: 'nowhere' })).rejects.toMatchObject({ saga: { state: 'compensated' } });
    expect(app.context.get(Journey).undone).toEqual(['seat 7']);

    const built = defineSaga('built_journey')
      .step('flight', { action: 'reserve' })
      .step('charge', { action: 'charge', kind: 'pivot' })
      .step('tickets', { action: 'issue', kind: 'retriable' });
    expect(await app.sagas.execute(built, {})).toMatchObject({ state: 'completed', pastPivot: true });
  });
});
