import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  contextRef,
  ref,
  SagaDefinition,
  SagaStep,
  type StepContext,
  StepError,
  Verify,
  type VerifyAnswer,
  type VerifyContext,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { type AppSetup, bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

const ASK = { attempts: 3, backoff: 'fixed', baseMs: 10 } as const;

/** A bank that says nothing within its time, and its books. */
@Injectable()
class Bank {
  readonly charges: { key: string; settle: (value: string) => void }[] = [];
  readonly questions: { input: unknown; key: string; actionKey: string; attempt: number; signal: AbortSignal }[] = [];
  readonly refunds: { output: unknown; outcome: string; round: number }[] = [];
  readonly receipts: unknown[] = [];
  private onQuestion: () => void = () => undefined;
  readonly asked = new Promise<void>((resolve) => (this.onQuestion = resolve));
  answer: (attempt: number) => unknown = () => ({ outcome: 'done', output: 'booked' });

  @SagaStep('charge', { timeoutMs: 50 }) charge(_input: unknown, ctx: StepContext) {
    return new Promise<string>((settle) => this.charges.push({ key: ctx.idempotencyKey, settle }));
  }
  @Verify('charge', { timeoutMs: 1_000, retry: ASK }) wasCharged(input: unknown, ctx: VerifyContext) {
    const { idempotencyKey: key, actionIdempotencyKey: actionKey, attempt, signal } = ctx;
    this.questions.push({ input, key, actionKey, attempt, signal });
    this.onQuestion();
    return this.answer(attempt) as VerifyAnswer<string>;
  }
  @Compensate('refund', { for: 'charge' }) refund(output: unknown, { outcome, round }: CompensationContext) {
    this.refunds.push({ output, outcome, round });
  }
  @SagaStep('receipt') receipt(input: unknown) {
    this.receipts.push(input);
  }
}

const STEPS = [
  { name: 'charge', action: 'charge', input: { amount: 5 } },
  { name: 'receipt', action: 'receipt', compensation: null, input: { charged: ref('charge') } },
];

async function bank(answer?: (attempt: number) => unknown, setup: AppSetup = {}) {
  const app = await bootSagaApp({ providers: [Bank], ...setup });
  const provider = app.context.get(Bank);
  if (answer !== undefined) provider.answer = answer;
  return { ...app, bank: provider };
}

/** An answer that somebody gives later. */
function later() {
  let give: (answer: VerifyAnswer<string>) => void = () => undefined;
  const promise = new Promise<VerifyAnswer<string>>((resolve) => (give = resolve));
  return { promise, give: (answer: VerifyAnswer<string>) => give(answer) };
}

describe('@Verify is asked about an action that said nothing', () => {
  it('and the saga goes forward with what it found', async () => {
    const { sagas, bank: it } = await bank();
    const { id } = await sagas.start('s', STEPS);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('completed');
    expect(saga.steps[0]).toMatchObject({ status: 'completed', output: 'booked', error: null });
    expect(it.receipts).toEqual([{ charged: 'booked' }]);
    expect(it.questions).toMatchObject([{ input: { amount: 5 }, actionKey: it.charges[0]?.key, attempt: 1 }]);
    expect(it.questions[0]?.key).not.toBe(it.charges[0]?.key);
    expect(it.refunds).toEqual([]);
  });

  it('and the step has failed and is not undone when it was not done', async () => {
    const { sagas, bank: it } = await bank(() => ({ outcome: 'not-done' }));
    const { id } = await sagas.start('s', STEPS);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('failed');
    expect(saga.steps[0]).toMatchObject({ status: 'failed', error: { code: 'STEP_TIMEOUT' } });
    expect(it.refunds).toEqual([]);
  });

  it('and it is undone when nobody knows, after it was asked as often as its retry says', async () => {
    const { sagas, bank: it } = await bank(() => ({ outcome: 'unknown' }));
    const { id } = await sagas.start('s', STEPS);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.questions.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(it.refunds).toEqual([{ output: undefined, outcome: 'unknown', round: 1 }]);
  });

  it.each<[string, (attempt: number) => unknown]>([
    ['throws', () => Promise.reject(new StepError({ message: 'the books are closed' }))],
    ['times out', () => new Promise(() => undefined)],
  ])('and asked again when it %s', async (_what, trouble) => {
    const { sagas, bank: it } = await bank((attempt) => (attempt < 3 ? trouble(attempt) : { outcome: 'done', output: 'booked' }));
    const { id } = await sagas.start('s', STEPS);
    expect((await sagas.waitFor(id)).state).toBe('completed');
    expect(it.questions).toHaveLength(3);
  });

  it.each<[unknown, string]>([
    [undefined, 'it returned undefined'],
    ['done', 'it returned a string'],
    [{ outcome: 'maybe' }, 'its outcome is "maybe"'],
    [{ outcome: 'not-done', output: 1 }, "an answer 'not-done' must not have an output"],
    [{ outcome: 'done', result: 1 }, 'its answer has an unknown field "result"'],
    [{ outcome: 'done', output: { total: 10n } }, '"/total"'],
  ])('and an answer %p means nothing: the attempt has failed, and the outcome is still unknown', async (answer, why) => {
    const { sagas, bank: it, signals } = await bank(() => answer);
    const { id } = await sagas.start('s', STEPS);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('compensated');
    expect(saga.steps[0]?.error).toEqual({ code: 'SAGA_VERIFY', message: expect.stringContaining(why) });
    expect(it.refunds).toMatchObject([{ outcome: 'unknown' }]);
    const tries = signals.flatMap((signal) => (signal.type === 'operation.failed' ? [signal.willRetry] : []));
    expect(tries).toEqual([true, true, false]);
  });

  it('and asked again elsewhere when the process that asked is lost', async () => {
    const namespace = freshName();
    const {
      sagas,
      bank: it,
      context,
    } = await bank(() => (it.questions.length > 1 ? { outcome: 'done', output: 'booked' } : new Promise(() => undefined)), {
      namespace,
    });
    const { id } = await sagas.start('s', [{ ...STEPS[0], name: 'charge', action: 'charge', timeoutMs: 50 }]);
    await it.asked;
    await context
      .get(DataSource)
      .query(`UPDATE "${namespace}".operations SET lease_until = clock_timestamp() - interval '1 hour' WHERE saga_id = $1`, [id]);
    await context.get(DataSource).query(`UPDATE "${namespace}".sagas SET wake_at = clock_timestamp() WHERE id = $1`, [id]);
    expect((await sagas.waitFor(id)).state).toBe('completed');
    const history = await sagas.history(id);
    expect(history.filter(({ kind }) => kind === 'lease-expired').map(({ error }) => error?.code)).toEqual(['STEP_TIMEOUT', 'WORKER_LOST']);
  });

  it('only in a process that has it: another one leaves the question to it', async () => {
    @Injectable()
    class EarlierBank {
      @SagaStep('charge', { timeoutMs: 50 }) charge() {
        return new Promise<string>(() => undefined);
      }
      @Compensate('refund', { for: 'charge' }) refund() {}
      @SagaStep('receipt') receipt() {}
    }
    const namespace = freshName();
    const earlier = await bootSagaApp({ namespace, providers: [EarlierBank] });
    const client = await bank(undefined, { namespace, options: { workers: { steps: 0, compensations: 0 } } });
    const { id } = await client.sagas.start('s', STEPS);
    await earlier.signal('operation.refused', ({ reason }) => reason === 'no-verifier');
    expect((await client.sagas.get(id)).state).toBe('started');
    const { bank: it } = await bank(undefined, { namespace });
    expect((await client.sagas.waitFor(id)).state).toBe('completed');
    expect(it.questions).toHaveLength(1);
  });

  it('also in a class that is the plan', async () => {
    @SagaDefinition({ name: 'asking' })
    @Injectable()
    class Asking {
      @SagaStep('charge', { timeoutMs: 50 }) charge() {
        return new Promise<string>(() => undefined);
      }
      @Verify('charge') wasCharged(_input: unknown, ctx: VerifyContext): VerifyAnswer<string> {
        return { outcome: 'done', output: ctx.actionIdempotencyKey };
      }
    }
    const { sagas } = await bootSagaApp({ providers: [Asking] });
    const { id } = await sagas.start(Asking, {});
    expect((await sagas.waitFor(id)).steps[0]).toMatchObject({ status: 'completed', output: `${id}:charge:action` });
  });
});

describe('A saga that turns back while somebody is asked', () => {
  it('waits for the answer, does not disturb whoever asks, and undoes what was done with its output', async () => {
    const { promise, give } = later();
    const { sagas, bank: it, signal } = await bank(() => promise);
    const { id } = await sagas.start('s', STEPS);
    await signal('operation.lost', ({ why }) => why === 'timeout');
    await it.asked;
    await sagas.compensate(id);
    expect((await sagas.get(id)).state).toBe('compensating');
    give({ outcome: 'done', output: 'booked' });
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.questions[0]?.signal.aborted).toBe(false);
    expect(it.refunds).toEqual([{ output: 'booked', outcome: 'completed', round: 1 }]);
  });

  it('has failed with nothing undone when it was not done', async () => {
    const { promise, give } = later();
    const { sagas, bank: it } = await bank(() => promise);
    const { id } = await sagas.start('s', STEPS);
    await it.asked;
    await sagas.compensate(id);
    give({ outcome: 'not-done' });
    expect((await sagas.waitFor(id)).state).toBe('failed');
    expect(it.refunds).toEqual([]);
  });
});

describe('An effect that comes late', () => {
  it('while somebody is asked is the answer, and what the question finds is not heard', async () => {
    const { promise, give } = later();
    const { sagas, bank: it, signal } = await bank(() => promise);
    const { id } = await sagas.start('s', STEPS);
    await it.asked;
    it.charges[0]?.settle('late');
    expect((await sagas.waitFor(id)).steps[0]).toMatchObject({ status: 'completed', output: 'late' });
    give({ outcome: 'not-done' });
    await signal('operation.lost', ({ why }) => why === 'stale');
    expect((await sagas.get(id)).state).toBe('completed');
    expect(it.refunds).toEqual([]);
  });

  it('after it was found not done keeps attention on the saga until it is undone', async () => {
    const { sagas, bank: it, signal } = await bank(() => ({ outcome: 'not-done' }));
    const { id } = await sagas.start('s', STEPS);
    expect((await sagas.waitFor(id)).state).toBe('failed');
    it.charges[0]?.settle('late');
    await signal('saga.attention', ({ raised }) => raised);
    await signal('saga.attention', ({ raised }) => !raised);
    expect(await sagas.get(id)).toMatchObject({ state: 'failed', attention: false });
    expect(it.refunds).toEqual([{ output: 'late', outcome: 'completed', round: 2 }]);
  });
});

describe('At boot', () => {
  const problemsOf = (provider: new () => object): Promise<unknown> =>
    bootSagaApp({ providers: [provider] }).then(
      () => 'booted',
      (error: unknown) => String(error),
    );

  it('a question after an action that the process does not have is refused', async () => {
    @Injectable()
    class Typo {
      @SagaStep('charge') charge() {}
      @Verify('chrage') wasCharged() {}
    }
    const problem = await problemsOf(Typo);
    expect(problem).toContain(`@Verify('chrage') on Typo.wasCharged: this process has no such action (did you mean "charge"?)`);
  });

  it('a question in a class that is the plan names one of its own methods', async () => {
    @SagaDefinition({ name: 'asking' })
    @Injectable()
    class Asking {
      @SagaStep('charge', { input: contextRef() }) charge() {}
      @Verify('chrage') wasCharged() {}
    }
    expect(await problemsOf(Asking)).toContain('@Verify on Asking.wasCharged: "chrage" is no method of this saga (did you mean "charge"?)');
  });

  it('one question has one handler, and options that exist', async () => {
    @Injectable()
    class Twice {
      @SagaStep('charge') charge() {}
      @Verify('charge') one() {}
      @Verify('charge') two() {}
      @Verify('charge', { timeout: 5 } as never) three() {}
    }
    const problem = await problemsOf(Twice);
    expect(problem).toContain(`@Verify('charge') is on Twice.one and on Twice.two`);
    expect(problem).toContain('@Verify on Twice.three: there is no option "timeout"');
  });
});
