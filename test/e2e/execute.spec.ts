import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Compensate,
  defineSaga,
  SagaDefinition,
  SagaFailedError,
  SagaInputError,
  SagaService,
  SagaStep,
  SagaStuckError,
  SagaWaitInHandlerError,
  SagaWaitTimeoutError,
  StepError,
  UnknownOutcomeError,
} from 'nest-saga';
import { DataSource } from 'typeorm';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Shop {
  private begun: (settle: () => void) => void = () => undefined;
  /** Of the step that waits, once it runs. */
  readonly settle = new Promise<() => void>((resolve) => (this.begun = resolve));

  constructor(private readonly sagas: SagaService) {}

  @SagaStep('order') order(input: { readonly amount: number } | null) {
    return { booked: input?.amount ?? 0 };
  }
  @Compensate('cancel', { for: 'order' }) cancel() {}
  @SagaStep('refuse') refuse() {
    throw new StepError({ code: 'LIMIT', message: 'over the limit', retryable: false });
  }
  @SagaStep('vanish') vanish() {
    throw new UnknownOutcomeError('the line went dead');
  }
  @Compensate('never', { retry: { attempts: 1 } }) never() {
    throw new Error('the participant is gone');
  }
  @SagaStep('wait') async wait() {
    await new Promise<void>((resolve) => this.begun(resolve));
  }
  @SagaStep('nested') async nested() {
    await this.sagas.execute('inner', [{ name: 'a', action: 'order' }]);
  }
}

@SagaDefinition({ name: 'order_processing' })
@Injectable()
class OrderSaga {
  declare readonly $input: { readonly amount: number };
  @SagaStep('book', { use: 'order' }) book(): void {}
}

const boot = () => bootSagaApp({ providers: [Shop, OrderSaga] });

describe('execute()', () => {
  it('returns the saga when it has completed', async () => {
    const { sagas } = await boot();
    const saga = await sagas.execute('s', [{ name: 'a', action: 'order', input: { amount: 5 } }], { customer: 7 }, { timeoutMs: 10_000 });
    expect(saga).toMatchObject({ state: 'completed', context: { customer: 7 } });
    expect(saga.steps[0]?.output).toEqual({ booked: 5 });
  });

  it('takes a class as well', async () => {
    const { sagas } = await boot();
    expect((await sagas.execute(OrderSaga, { amount: 3 })).steps[0]?.output).toEqual({ booked: 3 });
  });

  it('takes a saga that was defined step by step, with what it takes from its context and from earlier outputs', async () => {
    const { sagas } = await boot();
    const definition = defineSaga<{ readonly amount: number }>('defined')
      .step('a', { action: 'order', input: ({ context }) => ({ amount: context.amount }) })
      .step('b', { action: 'order', input: ({ outputs }) => ({ amount: outputs.a }) });
    const saga = await sagas.execute(definition, { amount: 4 });
    expect(saga.steps.map(({ output }) => output)).toEqual([{ booked: 4 }, { booked: { booked: 4 } }]);
  });

  it.each([
    ['compensated', [{ name: 'a', action: 'order' }]],
    ['failed', []],
  ])('throws SagaFailedError with the saga when it is %s', async (state, before) => {
    const { sagas } = await boot();
    const error = await sagas.execute('s', [...before, { name: 'b', action: 'refuse' }]).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SagaFailedError);
    expect(error).toMatchObject({ code: 'SAGA_FAILED', saga: { state, cause: { kind: 'step-failed', step: 'b' } } });
    expect((error as Error).message).toContain('step "b" failed with LIMIT: over the limit');
  });

  it.each([
    [
      'nobody knows whether a step took effect',
      'nobody knows whether step "a" took effect after SAGA_UNKNOWN_OUTCOME: the line went dead',
      'vanish',
    ],
    ['a person reported that a step failed', 'ann said that step "a" failed with STEP_FAILED: it never happened', 'wait'],
  ])('says so when %s', async (_how, why, action) => {
    const { sagas, operator, context } = await boot();
    const key = { businessKey: 'order:2' };
    const steps = [{ name: 'a', action }];
    const { id } = await sagas.start('s', steps, {}, key);
    const error = sagas.execute('s', steps, {}, key).catch((thrown: unknown) => thrown);
    if (action === 'wait') {
      const settle = await context.get(Shop).settle;
      await operator.resolveStep(id, 'a', { status: 'failed', error: { message: 'it never happened' } }, { actor: 'ann' });
      settle();
    }
    expect(((await error) as Error).message).toContain(why);
    expect((await operator.explain(id)).why).toContain(
      action === 'wait' ? 'ann said that step "a" failed' : 'nobody knows whether step "a"',
    );
  });

  it('throws SagaStuckError with the saga when an undo was given up', async () => {
    const { sagas } = await boot();
    const steps = [
      { name: 'a', action: 'order', compensation: 'never' },
      { name: 'b', action: 'refuse' },
    ];
    const error = await sagas.execute('s', steps).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SagaStuckError);
    expect(error).toMatchObject({ code: 'SAGA_STUCK', saga: { state: 'stuck' } });
  });

  it('stops waiting at its timeout, and the saga goes on', async () => {
    const { sagas, context } = await boot();
    const key = { businessKey: 'order:1' };
    const steps = [{ name: 'a', action: 'wait' }];
    await expect(sagas.execute('s', steps, {}, { ...key, timeoutMs: 50 })).rejects.toBeInstanceOf(SagaWaitTimeoutError);
    const again = sagas.execute('s', steps, {}, key);
    (await context.get(Shop).settle)();
    expect((await again).state).toBe('completed');
  });

  it('is refused inside a handler, and with a manager: both could wait for themselves', async () => {
    const { sagas, context } = await boot();
    const nested = await sagas.start('s', [{ name: 'a', action: 'nested' }]);
    const { steps } = await sagas.waitFor(nested.id);
    expect(steps[0]?.error).toMatchObject({ code: new SagaWaitInHandlerError('x').code });
    const inside = context
      .get(DataSource)
      .transaction((manager) => sagas.execute('s', [{ name: 'a', action: 'order' }], {}, { manager } as object));
    await expect(inside).rejects.toThrow(SagaInputError);
    await expect(inside).rejects.toMatchObject({ path: '/manager' });
    expect(await sagas.list({ name: 'inner' })).toEqual([]);
  });
});
