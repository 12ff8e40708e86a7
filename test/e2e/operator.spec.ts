import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  inMemoryStore,
  inProcessTransport,
  InjectSagaOperator,
  SagaInputError,
  SagaModule,
  type SagaModuleOptions,
  SagaNotFoundError,
  type SagaOperator,
  SagaStep,
  SagaStepRefusedError,
  SagaTerminalError,
  type StepContext,
  StepError,
  type StepSpec,
  typeOrmStore,
  UnknownOutcomeError,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { LostAnswers } from './lost-answers';
import { bootSagaApp, closeApps, freshName, type SagaApp } from './saga-app';

/** Closed after the applications that use it, however the test ends. */
let answers: LostAnswers | undefined;

afterEach(async () => {
  await closeApps();
  await answers?.close();
  answers = undefined;
});

const BY = { reason: 'the customer called', actor: 'ann' } as const;
const HOUR_MS = 3_600_000;

/** Runs what a test says, and remembers what ran. */
@Injectable()
class Bank {
  readonly ran: string[] = [];
  readonly undone: string[] = [];
  readonly signals = new Map<string, AbortSignal>();
  answer: (step: string, ctx: StepContext) => unknown = () => 'done';
  undo: (step: string, ctx: CompensationContext) => unknown = () => undefined;

  @SagaStep('bank.run') run(_input: unknown, ctx: StepContext): unknown {
    this.ran.push(`${ctx.saga.id} ${ctx.step.name}`);
    this.signals.set(ctx.saga.id, ctx.signal);
    return this.answer(ctx.step.name, ctx);
  }

  @SagaStep('bank.other') other(): string {
    return 'done';
  }

  @Compensate('bank.undo', { for: 'bank.run' }) async back(_output: unknown, ctx: CompensationContext): Promise<void> {
    this.undone.push(`${ctx.saga.id} ${ctx.step.name}`);
    await this.undo(ctx.step.name, ctx);
  }
}

/** Closed, until somebody opens it. */
class Gate {
  open: () => void = () => undefined;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

const run = (name: string, more: Partial<StepSpec> = {}): StepSpec => ({ name, action: 'bank.run', ...more });
const notYet = (): never => {
  throw new StepError({ message: 'not yet', retryable: true, retryAfterMs: HOUR_MS });
};

async function boot(options: Partial<SagaModuleOptions> = {}, namespace = freshName()): Promise<SagaApp & { readonly bank: Bank }> {
  const app = await bootSagaApp({ providers: [Bank], options, namespace });
  return { ...app, bank: app.context.get(Bank) };
}

const ofSaga =
  (id: string, step?: number) =>
  ({ sagaId, operation }: { readonly sagaId: string; readonly operation: { readonly step: number } }): boolean =>
    sagaId === id && (step === undefined || operation.step === step);

/** Resolves after this many more sweeps: whatever they would have found has been found. */
async function sweeps(app: SagaApp, more: number): Promise<void> {
  const done = (): number => app.signals.filter(({ type }) => type === 'sweep.done').length;
  const enough = done() + more;
  await app.signal('sweep.done', () => done() >= enough);
}

/** Two steps done, the third failed, and the undo of the second given up. */
async function stuckSaga({ bank, sagas }: SagaApp & { readonly bank: Bank }): Promise<string> {
  bank.answer = (step) => {
    if (step === 'c') throw new StepError({ message: 'no', retryable: false });
  };
  bank.undo = () => {
    throw new StepError({ message: 'no', retryable: false });
  };
  const { id } = await sagas.start('s', [run('a'), run('b'), run('c')]);
  expect((await sagas.waitFor(id)).state).toBe('stuck');
  bank.undo = () => undefined;
  return id;
}

describe('An operator against the engine', () => {
  it('cancels a saga, or it completes: exactly one of them, fifty times', async () => {
    const namespace = freshName();
    const app = await boot({ workers: { steps: 50, compensations: 20 } }, namespace);
    const desk = await bootSagaApp({ namespace, options: { workers: { steps: 0, compensations: 0 } } }); // so that they meet in the database
    const gates = new Map<string, Gate>();
    const gateOf = (id: string): Gate => {
      const gate = gates.get(id) ?? new Gate();
      gates.set(id, gate);
      return gate;
    };
    app.bank.answer = async (step, { saga }) => (step === 'b' ? gateOf(saga.id).opened : undefined);
    const ids = await Promise.all(Array.from({ length: 50 }, async () => (await app.sagas.start('s', [run('a'), run('b')])).id));
    await Promise.all(ids.map((id) => app.signal('operation.claimed', ofSaga(id, 1))));
    await Promise.all(ids.map((id) => app.signal('operation.completed', ofSaga(id, 0))));
    const outcomes: string[] = [];
    for (const [place, id] of ids.entries()) {
      const cancelled = desk.operator.cancel(id, BY).then(
        (cancelling): unknown => cancelling.state,
        (error: unknown) => error,
      );
      // From far too late to far too early, measured in answers of the database.
      for (let answers = 0; answers < 9 - (place % 10); answers++) await app.sagas.find(id);
      gateOf(id).open();
      const [answer, saga] = [await cancelled, await app.sagas.waitFor(id)];
      const undone = app.bank.undone.filter((entry) => entry.startsWith(id));
      const isTooLate = answer instanceof SagaTerminalError;
      if (!isTooLate) expect(answer).toMatch(/^compensat/);
      expect([saga.state, undone]).toEqual(isTooLate ? ['completed', []] : ['compensated', [`${id} b`, `${id} a`]]);
      outcomes.push(saga.state);
    }
    expect([...new Set(outcomes)].sort()).toEqual(['compensated', 'completed']);
  });

  it('pauses a saga while a handler runs: its outcome is stored, and nothing more is claimed until the resume', async () => {
    const app = await boot();
    const gate = new Gate();
    app.bank.answer = async (step) => (step === 'a' ? gate.opened : undefined);
    const { id } = await app.sagas.start('s', [run('a'), run('b')]);
    await app.signal('operation.claimed', ofSaga(id, 0));
    expect(await app.operator.pause(id, BY)).toMatchObject({ state: 'started', paused: true });
    gate.open();
    await app.signal('operation.refused', (signal) => ofSaga(id, 1)(signal) && signal.reason === 'paused');
    await sweeps(app, 5);
    expect((await app.sagas.get(id)).steps.map(({ status }) => status)).toEqual(['completed', 'started']);
    expect(app.bank.ran).toEqual([`${id} a`]);
    expect((await app.operator.explain(id)).summary).toContain('ann paused it: the customer called.');
    expect(await app.operator.resume(id, BY)).toMatchObject({ state: 'started', paused: false });
    expect(await app.sagas.waitFor(id)).toMatchObject({ state: 'completed', paused: false });
  });

  it('keeps a deadline that passes while a saga is paused until the resume, and turns it back then', async () => {
    const app = await boot();
    app.bank.answer = notYet;
    const { id } = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } })], {}, { deadlineMs: 300 });
    await app.operator.pause(id, BY);
    const { createdAt } = await app.sagas.get(id);
    while (Date.now() <= createdAt.getTime() + 300) await sweeps(app, 1);
    await sweeps(app, 3);
    expect((await app.sagas.get(id)).state).toBe('started');
    await app.operator.resume(id, BY);
    expect(await app.sagas.waitFor(id)).toMatchObject({ state: 'failed', cause: { kind: 'deadline' } });
  });

  it('terminates a saga while a handler runs: it is told to stop, and its late result changes nothing', async () => {
    const app = await boot();
    const gate = new Gate();
    app.bank.answer = async (step) => (step === 'b' ? gate.opened : undefined);
    const { id } = await app.sagas.start('s', [run('a'), run('b'), run('c')]);
    await app.signal('operation.claimed', ofSaga(id, 1));
    const ended = await app.operator.terminate(id, BY);
    expect(ended).toMatchObject({ state: 'failed', cause: { kind: 'terminated', ...BY } });
    expect(ended.steps.map(({ status }) => status)).toEqual(['completed', 'unknown', 'skipped']);
    expect(app.bank.signals.get(id)?.aborted).toBe(true);
    const history = await app.sagas.history(id);
    gate.open();
    await app.signal('operation.lost', ofSaga(id, 1));
    expect(await app.sagas.get(id)).toEqual(ended);
    expect(await app.sagas.history(id)).toEqual(history);
    expect(app.bank.undone).toEqual([]);
  });

  it('skips a step that would wait for an hour, and those after it run', async () => {
    const app = await boot();
    app.bank.answer = (step) => (step === 'b' ? notYet() : 'done');
    const { id } = await app.sagas.start('s', [run('a'), run('b', { retry: { attempts: 5 } }), run('c'), run('d')]);
    await app.signal('operation.failed', ofSaga(id, 1));
    await app.operator.skipStep(id, 'c', BY); // its turn has not come
    await app.operator.skipStep(id, 'b', BY);
    const saga = await app.sagas.waitFor(id);
    expect(saga.state).toBe('completed');
    expect(saga.steps.map(({ status }) => status)).toEqual(['completed', 'skipped', 'skipped', 'completed']);
  });

  it('tries a step again at once that would wait for an hour', async () => {
    const app = await boot();
    app.bank.answer = (_step, { attempt }) => (attempt === 1 ? notYet() : 'done');
    const { id } = await app.sagas.start('s', [run('a', { retry: { attempts: 2 } })]);
    await app.signal('operation.failed', ofSaga(id));
    await app.operator.retryStep(id, 'a', BY);
    expect((await app.sagas.waitFor(id)).state).toBe('completed');
  });

  it.each([
    ['completed', { status: 'completed', output: 'it was charged' }, 'completed'],
    ['failed', { status: 'failed', error: { message: 'it was not charged' } }, 'failed'],
  ] as const)('takes the word of a person for a step whose outcome is unknown: %s', async (_what, update, state) => {
    const app = await boot();
    app.bank.answer = () => {
      throw new StepError({ message: 'no answer', retryable: true, retryAfterMs: HOUR_MS, cause: new UnknownOutcomeError('no answer') });
    };
    const { id } = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } }), { name: 'b', action: 'bank.other' }]);
    await app.signal('operation.failed', ofSaga(id, 0));
    await app.operator.resolveStep(id, 'a', update, BY);
    const saga = await app.sagas.waitFor(id);
    expect(saga.state).toBe(state);
    expect(saga.steps[0]?.output).toBe(update.status === 'completed' ? 'it was charged' : null);
    expect(app.bank.undone).toEqual([]);
  });

  it('takes the word of a person for an undo whose outcome is unknown, and goes on with the next one', async () => {
    const app = await boot({ defaults: { compensation: { retry: { attempts: 1 } } } });
    app.bank.answer = (step) => {
      if (step === 'c') throw new StepError({ message: 'no', retryable: false });
    };
    app.bank.undo = (step) => {
      if (step === 'b') throw new UnknownOutcomeError('no answer');
    };
    const { id } = await app.sagas.start('s', [run('a'), run('b'), run('c')]);
    expect((await app.sagas.waitFor(id)).state).toBe('stuck');
    await app.operator.resolveStep(id, 'b', { status: 'compensated' }, BY);
    const saga = await app.sagas.waitFor(id);
    expect([saga.state, saga.steps.map(({ status }) => status)]).toEqual(['compensated', ['compensated', 'compensated', 'failed']]);
    expect(app.bank.undone).toEqual([`${id} b`, `${id} a`]);
  });
});

describe('Two operators', () => {
  it('who try a stuck undo again at the same moment let it run once', async () => {
    const app = await boot();
    const id = await stuckSaga(app);
    const gate = new Gate(); // until both have been answered
    app.bank.undo = () => gate.opened;
    await Promise.all([app.operator.retryStep(id, 'b', BY), app.operator.retryStep(id, 'b', { ...BY, actor: 'bob' })]);
    gate.open();
    expect((await app.sagas.waitFor(id)).state).toBe('compensated');
    expect(app.bank.undone).toEqual([`${id} b`, `${id} b`, `${id} a`]);
    expect((await app.sagas.history(id)).filter(({ kind }) => kind === 'retry-step')).toHaveLength(1);
  });

  it('in two processes who cancel and terminate at the same moment leave one word in the history for each that counted', async () => {
    const namespace = freshName();
    const [one, other] = [await boot({}, namespace), await boot({}, namespace)];
    for (let round = 0; round < 10; round++) {
      one.bank.answer = notYet;
      other.bank.answer = notYet;
      const { id } = await one.sagas.start('s', [run('a', { retry: { attempts: 5 } })]);
      await Promise.race([one.signal('operation.failed', ofSaga(id)), other.signal('operation.failed', ofSaga(id))]);
      const answers = await Promise.allSettled([one.operator.cancel(id, BY), other.operator.terminate(id, { ...BY, actor: 'bob' })]);
      const history = await one.sagas.history(id);
      expect(history.filter(({ reason }) => reason === BY.reason)).toHaveLength(
        answers.filter(({ status }) => status === 'fulfilled').length,
      );
      expect((await one.sagas.get(id)).state).toBe('failed');
    }
  });
});

describe('An action that is paused', () => {
  it('is begun in no process, its undo and other actions are, and it begins within a second of its resume', async () => {
    const namespace = freshName();
    const [one, other] = [await boot({}, namespace), await boot({}, namespace)];
    const ran = (): number => one.bank.ran.length + other.bank.ran.length;
    const earlier = await one.sagas.start('s', [run('a'), { name: 'b', action: 'bank.other' }, run('c')]);
    await one.sagas.waitFor(earlier.id);
    const before = ran();

    await one.operator.pauseAction('bank.run', BY);
    await other.operator.pauseAction('bank.run', { actor: 'bob' }); // the first word stays
    expect(await other.operator.pausedActions()).toEqual([{ action: 'bank.run', at: expect.any(Date), ...BY }]);
    const started = await Promise.all(
      [one, other, one, other, one, other].map(
        async ({ sagas }) => (await sagas.start('s', [{ name: 'a', action: 'bank.other' }, run('b')])).id,
      ),
    );
    const refused = ({ reason }: { readonly reason: string }): boolean => reason === 'paused';
    await Promise.all(
      started.map((id) => Promise.race([one, other].map((app) => app.signal('operation.refused', (s) => ofSaga(id, 1)(s) && refused(s))))),
    );
    await Promise.all([sweeps(one, 10), sweeps(other, 10)]);
    expect(ran()).toBe(before);
    expect((await one.operator.explain(started[0] ?? '')).where[0]).toBe(
      'step "b" waits because ann paused "bank.run": the customer called.',
    );

    const resumedAt = performance.now();
    await other.operator.resumeAction('bank.run', BY);
    for (const id of started) expect((await one.sagas.waitFor(id)).state).toBe('completed');
    expect(performance.now() - resumedAt).toBeLessThan(1_000);
    expect(ran()).toBe(before + started.length);
    expect(await one.operator.pausedActions()).toEqual([]);
  });

  it('is still undone', async () => {
    const app = await boot();
    app.bank.answer = (step) => (step === 'b' ? notYet() : 'done');
    const { id } = await app.sagas.start('s', [run('a'), run('b', { retry: { attempts: 5 } })]);
    await app.signal('operation.failed', ofSaga(id, 1));
    await app.operator.pauseAction('bank.run', BY);
    await app.operator.cancel(id, BY);
    expect((await app.sagas.waitFor(id)).state).toBe('compensated');
  });

  it('must be one that a process has had, so that a misspelt one is noticed', async () => {
    const { operator } = await boot();
    await expect(operator.pauseAction('bank.rum', BY)).rejects.toThrow(
      'no process has ever had @SagaStep("bank.rum") (did you mean "bank.run"?)',
    );
    await expect(operator.resumeAction('bank.undo')).rejects.toThrow(SagaInputError);
    await expect(operator.pauseAction(undefined as never)).rejects.toThrow(SagaInputError);
    await expect(operator.pauseAction('bank.run', { reason: 'x'.repeat(1_001) })).rejects.toThrow(SagaInputError);
    await operator.resumeAction('bank.run');
    expect(await operator.pausedActions()).toEqual([]);
  });
});

describe('The history', () => {
  it('has every order with its reason and its actor', async () => {
    const app = await boot();
    const id = await stuckSaga(app);
    const by = (actor: string) => ({ reason: `because ${actor}`, actor });
    await app.operator.pause(id, by('p'));
    await app.operator.retryStep(id, 'b', by('r'));
    await app.operator.resolveStep(id, 'b', { status: 'compensated' }, by('v'));
    await app.operator.resume(id, by('u'));
    await app.sagas.waitFor(id);
    const forward = await (async () => {
      app.bank.answer = notYet;
      const started = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } }), run('b'), run('c')]);
      await app.signal('operation.failed', ofSaga(started.id, 0));
      return started.id;
    })();
    await app.operator.skipStep(forward, 'b', by('s'));
    await app.operator.pause(forward, by('p'));
    await app.operator.cancel(forward, by('c'));
    const other = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } })]);
    await app.operator.terminate(other.id, by('t'));
    const written = async (saga: string): Promise<readonly unknown[]> =>
      (await app.sagas.history(saga))
        .filter(({ actor }) => actor !== null)
        .map(({ kind, reason, actor, step }) => [kind, reason, actor, step]);
    expect(await written(id)).toEqual([
      ['pause', 'because p', 'p', null],
      ['retry-step', 'because r', 'r', 'b'],
      ['reported', 'because v', 'v', 'b'],
      ['resume', 'because u', 'u', null],
    ]);
    expect(await written(forward)).toEqual([
      ['skip-step', 'because s', 's', 'b'],
      ['pause', 'because p', 'p', null],
      ['cancel', 'because c', 'c', null],
    ]);
    expect(await written(other.id)).toEqual([['terminate', 'because t', 't', null]]);
  });
});

describe('An order whose COMMIT was not heard', () => {
  it('is carried out once', async () => {
    const wire = await LostAnswers.of('nest_saga_apply');
    answers = wire;
    const schema = freshName();
    const dataSource = new DataSource({ type: 'postgres', url: wire.url });
    const app = await boot({ store: typeOrmStore({ schema, autoMigrate: true, dataSource }) });
    app.bank.answer = notYet;
    const calls: readonly (readonly [string, (id: string) => Promise<unknown>])[] = [
      ['pause', (id) => app.operator.pause(id, BY)],
      ['cancel', (id) => app.operator.cancel(id, BY)],
      ['terminate', (id) => app.operator.terminate(id, BY)],
      ['skip-step', (id) => app.operator.skipStep(id, 'b', BY)],
      ['reported', (id) => app.operator.resolveStep(id, 'a', { status: 'failed', error: { message: 'no' } }, BY)],
    ];
    for (const [place, [kind, call]] of calls.entries()) {
      const { id } = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } }), run('b')]);
      await app.signal('operation.failed', ofSaga(id, 0));
      const { length } = await app.sagas.history(id);
      wire.loseNext();
      await call(id);
      expect(wire.lost).toBe(place + 1);
      const later = (await app.sagas.history(id)).slice(length);
      expect(later.map((entry) => [entry.kind, entry.reason, entry.actor])).toEqual([[kind, BY.reason, BY.actor]]);
    }
  });
});

describe('SagaOperator', () => {
  const memory = () => ({ store: inMemoryStore(), transport: inProcessTransport() });

  it('takes a step by its name or by its id, and names the steps there are when it is neither', async () => {
    const app = await boot(memory());
    app.bank.answer = notYet;
    const { id } = await app.sagas.start('s', [run('charge', { retry: { attempts: 5 } }), run('ship')]);
    const { steps } = await app.sagas.get(id);
    expect((await app.operator.skipStep(id, steps[1]?.id ?? '')).steps[1]?.status).toBe('skipped');
    await expect(app.operator.skipStep(id, 'chrage')).rejects.toThrow(
      `saga ${id} refuses an order about the step "chrage": it has no such step (did you mean "charge"?); it has charge, ship`,
    );
    for (const step of [undefined, null, 7, '', id])
      await expect(app.operator.retryStep(id, step as never)).rejects.toThrow(SagaStepRefusedError);
  });

  it('says what a step is and what can be done instead when it refuses', async () => {
    const app = await boot(memory());
    const gate = new Gate();
    app.bank.answer = async (step) => (step === 'b' ? gate.opened : 'done');
    const { id } = await app.sagas.start('s', [run('a'), run('b')]);
    await app.signal('operation.claimed', ofSaga(id, 1));
    await expect(app.operator.skipStep(id, 'b')).rejects.toThrow(
      'refuses to skip step "b": it is running and the saga is started; wait for its outcome, or say with resolveStep() how it ended',
    );
    await expect(app.operator.retryStep(id, 'a')).rejects.toThrow(
      'it is completed and the saga is started; cancel() undoes the whole saga',
    );
    gate.open();
    await app.sagas.waitFor(id);
    await expect(app.operator.skipStep(id, 'b')).rejects.toThrow(`cannot skip a step of saga ${id}: it is completed`);
  });

  it('refuses what is no order before anything happens', async () => {
    const app = await boot(memory());
    app.bank.answer = notYet;
    const { id } = await app.sagas.start('s', [run('a', { retry: { attempts: 5 } })]);
    const { operator } = app;
    const calls: readonly ((options: never) => Promise<unknown>)[] = [
      (options) => operator.cancel(id, options),
      (options) => operator.terminate(id, options),
      (options) => operator.pause(id, options),
      (options) => operator.resume(id, options),
      (options) => operator.retryStep(id, 'a', options),
      (options) => operator.skipStep(id, 'a', options),
      (options) => operator.resolveStep(id, 'a', { status: 'completed' }, options),
    ];
    const bad: readonly unknown[] = [null, 'ann', { actr: 'ann' }, { actor: 7 }, { reason: 'x'.repeat(1_001) }, { reason: '\u0000' }];
    for (const call of calls) for (const options of bad) await expect(call(options as never)).rejects.toThrow(SagaInputError);
    await expect(operator.resolveStep(id, 'a', { status: 'done' } as never)).rejects.toThrow(SagaInputError);
    expect((await app.sagas.history(id)).filter(({ actor, reason }) => actor !== null || reason !== null)).toEqual([]);
    for (const nobody of ['01ARZ3NDEKTSV4RRFFQ69G5FAV', 'x', '', 7, null, undefined]) {
      await expect(operator.cancel(nobody as never)).rejects.toThrow(SagaNotFoundError);
      await expect(operator.explain(nobody as never)).rejects.toThrow(SagaNotFoundError);
      await expect(operator.skipStep(nobody as never, 'a')).rejects.toThrow(SagaNotFoundError);
    }
  });

  it('of a named module is injected by its name', async () => {
    @Injectable()
    class Desk {
      constructor(@InjectSagaOperator('billing') readonly operator: SagaOperator) {}
    }
    const app = await bootSagaApp({ providers: [Desk], imports: [SagaModule.forRoot({ name: 'billing', ...memory() })] });
    expect(await app.context.get(Desk).operator.pausedActions()).toEqual([]);
    expect(app.context.get(Desk).operator).not.toBe(app.operator);
  });
});
