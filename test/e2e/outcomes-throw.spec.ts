import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, type CompensationContext, type SagaModuleOptions, SagaStep, StepError } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Bank {
  readonly undone: string[] = [];
  attempts = 0;
  behave: () => unknown = () => undefined;

  @SagaStep('charge') charge() {
    this.attempts++;
    return this.behave();
  }
  @SagaStep('doubtful', { onThrow: 'unknown' }) doubtful() {
    return this.behave();
  }
  @SagaStep('messy', { compensateOnFailure: true }) messy() {
    return this.behave();
  }
  @SagaStep('open') open() {}
  @Compensate('refund', { for: 'charge' }) refund(_output: unknown, { outcome, step }: CompensationContext) {
    this.undone.push(`${step.name}: ${outcome}`);
  }
}

async function bank(behave: () => unknown, options: Partial<SagaModuleOptions> = {}) {
  const app = await bootSagaApp({ providers: [Bank], options });
  const provider = app.context.get(Bank);
  provider.behave = behave;
  return { ...app, bank: provider };
}

const fail = (error: unknown) => () => {
  throw error;
};
const refused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

describe('onThrow', () => {
  it('says in the plan what an error means that says nothing about the effect', async () => {
    const { sagas, bank: it } = await bank(fail(new Error('what now?')));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', onThrow: 'unknown' }]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.undone).toEqual(['charge: unknown']);
  });

  it('is said by the handler, and the plan has the last word', async () => {
    const { sagas } = await bank(fail(new Error('what now?')));
    const step = { name: 'charge', action: 'doubtful', compensation: 'refund' };
    const ofHandler = await sagas.start('s', [step]);
    const ofPlan = await sagas.start('s', [{ ...step, onThrow: 'failed' }]);
    expect((await sagas.waitFor(ofHandler.id)).state).toBe('compensated');
    expect((await sagas.waitFor(ofPlan.id)).state).toBe('failed');
  });

  it('is said by the module for all', async () => {
    const { sagas } = await bank(fail(new Error('what now?')), { defaults: { onThrow: 'unknown' } });
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge' }]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
  });

  it.each<[string, unknown]>([
    ['a StepError', new StepError({ message: 'declined' })],
    ['a connection that was refused', refused()],
    ['a connection that was refused, deep in the causes', new Error('fetch failed', { cause: refused() })],
  ])('never makes an unknown outcome of %s', async (_what, error) => {
    const { sagas, bank: it } = await bank(fail(error));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', onThrow: 'unknown' }]);
    expect((await sagas.waitFor(id)).state).toBe('failed');
    expect(it.undone).toEqual([]);
  });
});

describe('compensateOnFailure', () => {
  it('has a step undone that failed by its own word, before the steps it was built on', async () => {
    const { sagas, bank: it } = await bank(fail(new StepError({ message: 'half of it is done' })));
    const { id } = await sagas.start('s', [
      { name: 'open', action: 'open', compensation: 'refund' },
      { name: 'charge', action: 'charge', compensateOnFailure: true },
    ]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.undone).toEqual(['charge: failed', 'open: completed']);
  });

  it('is said by the handler, and the plan has the last word', async () => {
    const { sagas } = await bank(fail(new StepError({ message: 'half of it is done' })));
    const step = { name: 'charge', action: 'messy', compensation: 'refund' };
    const ofHandler = await sagas.start('s', [step]);
    const ofPlan = await sagas.start('s', [{ ...step, compensateOnFailure: false }]);
    expect((await sagas.waitFor(ofHandler.id)).state).toBe('compensated');
    expect((await sagas.waitFor(ofPlan.id)).state).toBe('failed');
  });
});

describe('retry.maxElapsedMs', () => {
  const retry = { attempts: 1_000, backoff: 'fixed', baseMs: 20, maxElapsedMs: 400 } as const;

  it('ends the attempts of a handler that throws when their time is used up', async () => {
    const { sagas, bank: it } = await bank(fail(new Error('busy')));
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', retry }]);
    expect((await sagas.waitFor(id)).state).toBe('failed');
    expect(it.attempts).toBeGreaterThan(1);
    expect(it.attempts).toBeLessThanOrEqual(21);
  });

  it('ends the attempts of a handler that says nothing, too', async () => {
    const { sagas, bank: it } = await bank(() => new Promise(() => undefined), { graceMs: 50, workers: { steps: 50 } });
    const { id } = await sagas.start('s', [{ name: 'charge', action: 'charge', timeoutMs: 20, retry }]);
    expect((await sagas.waitFor(id)).state).toBe('compensated');
    expect(it.attempts).toBeGreaterThan(1);
    expect(it.attempts).toBeLessThanOrEqual(8);
  });
});
