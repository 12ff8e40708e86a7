import { afterEach, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { SagaCallbacks, SagaStep, UnknownOutcomeError, Verify, type StepContext, type VerifyContext } from '../index';
import { SagaTestKit } from './index';

let kit: SagaTestKit;
afterEach(async () => kit.close());

describe('whoever says that a step has failed', () => {
  const tokens: string[] = [];
  const ask = (_input: unknown, ctx: StepContext): unknown => {
    tokens.push(ctx.callbackToken);
    return ctx.suspend();
  };

  it('is told that it is tried again when it is retriable, and may answer the next attempt', async () => {
    kit = await SagaTestKit.create({ handlers: { actions: { ask } } });
    const callbacks = kit.get(SagaCallbacks);
    const run = await kit.start('order', [{ name: 'ask', action: 'ask', kind: 'retriable', compensation: null }]);
    await run.until((saga) => saga.steps[0]?.status === 'waiting');
    const token = tokens.at(-1) ?? '';
    const told = await callbacks.failStep(token, { message: 'not now' });
    expect(told).toEqual({ sagaId: run.id, step: 'ask', accepted: true, outcome: 'retrying' });
    expect(await callbacks.failStep(token, { message: 'not now' })).toMatchObject({ accepted: false, outcome: 'retrying' });
    const asked = tokens.length;
    await run.until((saga) => saga.steps[0]?.status === 'waiting' && tokens.length > asked);
    expect(await callbacks.completeStep(token, 'now')).toMatchObject({ accepted: true, outcome: 'completed' });
    expect((await run.end()).state).toBe('completed');
  });

  it('is told that it has failed when it is not', async () => {
    kit = await SagaTestKit.create({ handlers: { actions: { ask } } });
    const run = await kit.start('order', [{ name: 'ask', action: 'ask', compensation: null }]);
    await run.until((saga) => saga.steps[0]?.status === 'waiting');
    const told = await kit.get(SagaCallbacks).failStep(tokens.at(-1) ?? '', { message: 'no' });
    expect(told).toMatchObject({ accepted: true, outcome: 'failed' });
  });
});

describe('a verifier in the test kit', () => {
  const seen: unknown[] = [];
  const answer = (...given: readonly unknown[]): unknown => {
    const { actionIdempotencyKey, idempotencyKey, step, attempt } = given[1] as VerifyContext;
    seen.push({ given: given.length, input: given[0], actionIdempotencyKey, idempotencyKey, name: step.name, attempt });
    return { outcome: 'done', output: 'found' };
  };

  @Injectable()
  class Bank {
    @SagaStep('charge') charge(): void {
      throw new UnknownOutcomeError('the line is dead');
    }
    @Verify('charge') wasCharged(...given: readonly unknown[]): unknown {
      return answer(...given);
    }
  }

  it.each([
    ['a method', {}],
    ['a stub', { verifiers: { charge: answer } }],
  ])('is called alike, as %s', async (_what, handlers) => {
    seen.length = 0;
    kit = await SagaTestKit.create({ providers: [Bank], handlers });
    const saga = await kit.run('order', [{ name: 'pay', action: 'charge', compensation: null, input: { amount: 5 } }]);
    expect([saga.state, saga.steps[0]?.output]).toEqual(['completed', 'found']);
    const of = (kind: string): string => `${saga.id}:pay:${kind}`;
    const asked = {
      given: 2,
      input: { amount: 5 },
      actionIdempotencyKey: of('action'),
      idempotencyKey: of('verify'),
      name: 'pay',
      attempt: 1,
    };
    expect(seen).toEqual([asked]);
  });
});

describe('the actions of the engine itself', () => {
  it.each(['nest-saga.child', 'nest-saga.sleep', 'nest-saga.anything'])('cannot be paused: %s', async (action) => {
    kit = await SagaTestKit.create({ handlers: { actions: { ask: () => null } } });
    await expect(kit.operator.pauseAction(action)).rejects.toThrow(/one of the engine's own.*pause\(id\)/);
    await expect(kit.operator.resumeAction(action)).rejects.toThrow(/one of the engine's own/);
    expect(await kit.operator.pausedActions()).toEqual([]);
  });
});
