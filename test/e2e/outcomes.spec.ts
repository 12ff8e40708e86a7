import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  type CompensationContext,
  type SagaModuleOptions,
  SagaStep,
  type StepContext,
  StepError,
  UnknownOutcomeError,
} from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Bank {
  readonly attempts: { attempt: number; key: string }[] = [];
  readonly undone: { output: unknown; outcome: string; actionKey: string; key: string; round: number; input: unknown }[] = [];
  signal: AbortSignal | undefined;
  answer: (ctx: StepContext) => unknown = () => 'charged';

  @SagaStep('charge') charge(_input: unknown, ctx: StepContext) {
    this.signal = ctx.signal;
    this.attempts.push({ attempt: ctx.attempt, key: ctx.idempotencyKey });
    return this.answer(ctx);
  }
  @Compensate('refund', { for: 'charge' }) refund(output: unknown, ctx: CompensationContext) {
    this.undone.push({
      output,
      outcome: ctx.outcome,
      actionKey: ctx.actionIdempotencyKey,
      key: ctx.idempotencyKey,
      round: ctx.round,
      input: ctx.input,
    });
  }
}

async function bank(answer: (ctx: StepContext) => unknown, options: Partial<SagaModuleOptions> = {}) {
  const app = await bootSagaApp({ providers: [Bank], options });
  const provider = app.context.get(Bank);
  provider.answer = answer;
  return { ...app, bank: provider };
}

const fail = (error: unknown) => () => {
  throw error;
};

describe('Outcomes', () => {
  it('does not undo a step that says it failed', async () => {
    const { sagas, bank: it } = await bank(fail(new Error('no money')));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge' }]);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('failed');
    expect(saga.steps[0]).toMatchObject({ status: 'failed', error: { message: 'no money' } });
    expect(it.undone).toEqual([]);
  });

  it.each([
    ['a connection that was reset', Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })],
    ['a gateway timeout', Object.assign(new Error('bad gateway'), { status: 504 })],
    ['an aborted request, deep in its causes', new Error('charge failed', { cause: new DOMException('aborted', 'AbortError') })],
    ['the handler itself', new UnknownOutcomeError('no answer from the bank')],
  ])('undoes a step whose outcome is unknown because of %s', async (_what, error) => {
    const { sagas, bank: it } = await bank(fail(error));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', input: { amount: 5 } }]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.undone).toMatchObject([{ output: undefined, outcome: 'unknown', actionKey: it.attempts[0]?.key, input: { amount: 5 } }]);
  });

  it('treats an output that cannot be stored as unknown: the handler ran', async () => {
    const { sagas, bank: it } = await bank(() => ({ total: 10n }));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge' }]);
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('compensated');
    expect(saga.steps[0]?.error).toEqual({ code: 'SAGA_OUTPUT', message: expect.stringContaining('"/total"') });
    expect(it.undone[0]?.outcome).toBe('unknown');
  });

  it('aborts the signal at the timeout, and undoes the step when no outcome comes', async () => {
    const { sagas, bank: it } = await bank(() => new Promise(() => undefined));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', timeoutMs: 100 }]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.signal?.aborted).toBe(true);
    expect(it.undone[0]?.outcome).toBe('unknown');
  });

  it('notices a timeout when it passes, not when the lease would have ended', async () => {
    const { sagas } = await bank(() => new Promise(() => undefined), { leaseMs: 60_000, sweepMs: 60_000, resendMs: 60_000 });
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', timeoutMs: 50 }]);
    expect((await sagas.waitFor(id, { timeoutMs: 10_000 })).state).toBe('compensated');
  });

  it('undoes an effect again that came after its undo, and keeps attention on the saga until that is done', async () => {
    let settle: (value: string) => void = () => undefined;
    const { sagas, signal, bank: it } = await bank(() => new Promise((resolve) => (settle = resolve)));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', timeoutMs: 50 }]);
    const ended = await sagas.waitFor(id);
    expect(ended).toMatchObject({ state: 'compensated', attention: false });
    settle('charged after all');
    await signal('saga.attention', ({ raised }) => raised);
    await signal('saga.attention', ({ raised }) => !raised);
    expect(await sagas.get(id)).toMatchObject({ state: 'compensated', attention: false, completedAt: ended.completedAt });
    expect(it.undone.map(({ output, outcome, round }) => [output, outcome, round])).toEqual([
      [undefined, 'unknown', 1],
      ['charged after all', 'completed', 2],
    ]);
    expect(new Set(it.undone.map(({ key }) => key)).size).toBe(1);
  });

  it('tries again as the policy says, with the same idempotency key each time', async () => {
    const { sagas, bank: it } = await bank((ctx) => (ctx.attempt < 3 ? fail(new Error('busy'))() : 'charged'));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', retry: { attempts: 3, backoff: 'fixed', baseMs: 10 } }]);
    expect((await sagas.waitFor(id)).state).toBe('completed');
    expect(it.attempts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(it.attempts.map(({ key }) => key)).size).toBe(1);
  });

  it('never tries again what says retryable: false', async () => {
    const { sagas, bank: it } = await bank(fail(new StepError({ message: 'declined', retryable: false })));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', retry: { attempts: 5, baseMs: 1 } }]);
    expect((await sagas.waitFor(id)).state).toBe('failed');
    expect(it.attempts).toHaveLength(1);
  });

  it('asks the handler to stop when the saga turns back, and waits for its outcome before it undoes anything', async () => {
    let settle: (value: string) => void = () => undefined;
    const { sagas, bank: it, signal } = await bank(() => new Promise((resolve) => (settle = resolve)));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge' }]);
    await signal('operation.claimed');
    await sagas.compensate(id, { reason: 'the customer called', actor: 'support' });
    expect(it.signal?.aborted).toBe(true);
    expect(it.undone).toEqual([]);
    expect((await sagas.get(id)).state).toBe('compensating');
    settle('charged');
    const saga = await sagas.waitFor(id);
    expect(saga.state).toBe('compensated');
    expect(it.undone[0]).toMatchObject({ output: 'charged', outcome: 'completed' });
    expect((await sagas.history(id)).find((entry) => entry.kind === 'compensate')).toMatchObject({
      reason: 'the customer called',
      actor: 'support',
    });
  });
});
