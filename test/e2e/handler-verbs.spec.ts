import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Compensate, SagaStep, type CompensationContext, type StepContext } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Verbs {
  readonly seen: unknown[] = [];
  @SagaStep('verbs.set') set(_input: unknown, ctx: StepContext) {
    ctx.setContext({ total: 3 });
    ctx.setContext({ currency: 'EUR' });
    return 'set';
  }
  @SagaStep('verbs.skip') skip(_input: unknown, ctx: StepContext) {
    return ctx.skip('nothing to ship');
  }
  @SagaStep('verbs.look') look(input: unknown, ctx: StepContext) {
    this.seen.push([input, ctx.saga.context]);
    return null;
  }
  @SagaStep('verbs.wait') wait(_input: unknown, ctx: StepContext) {
    return ctx.suspend({ timeoutMs: 50 });
  }
  @Compensate('verbs.undo', { for: 'verbs.wait' }) undo(output: unknown, ctx: CompensationContext) {
    this.seen.push([output, ctx.outcome]);
  }
}

it('a handler skips its step, and later handlers see the context that earlier ones have set', async () => {
  const app = await bootSagaApp({ providers: [Verbs] });
  const { id } = await app.sagas.start(
    'verbs',
    [
      { name: 'set', action: 'verbs.set' },
      { name: 'skip', action: 'verbs.skip' },
      { name: 'look', action: 'verbs.look', input: 7 },
    ],
    { customer: 1, total: 0 },
  );
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  expect(saga.steps.map(({ status }) => status)).toEqual(['completed', 'skipped', 'completed']);
  expect(app.context.get(Verbs).seen).toEqual([[7, { customer: 1, total: 3, currency: 'EUR' }]]);
  expect(saga.context).toEqual({ customer: 1, total: 3, currency: 'EUR' });
  expect((await app.sagas.history(id)).find(({ kind }) => kind === 'skipped')?.reason).toBe('nothing to ship');
});

it('a pause between two steps lasts as long as it says, by the clock of the database', async () => {
  const app = await bootSagaApp({ providers: [Verbs] });
  const { id } = await app.sagas.start('pause', [
    { name: 'pause', sleepMs: 300 },
    { name: 'look', action: 'verbs.look' },
  ]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('completed');
  const [start, look] = (await app.sagas.history(id)).filter(({ kind, step }) => kind === 'start' || (kind === 'claim' && step === 'look'));
  expect((look?.at.getTime() ?? 0) - (start?.at.getTime() ?? 0)).toBeGreaterThanOrEqual(300);
});

it('a step that nobody ends in time is unknown, and is undone as such', async () => {
  const app = await bootSagaApp({ providers: [Verbs] });
  const { id } = await app.sagas.start('wait', [{ name: 'wait', action: 'verbs.wait' }]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.state).toBe('compensated');
  expect(saga.cause).toMatchObject({ kind: 'step-failed', step: 'wait', outcome: 'unknown', error: { code: 'STEP_TIMEOUT' } });
  expect(app.context.get(Verbs).seen).toEqual([[undefined, 'unknown']]);
});
