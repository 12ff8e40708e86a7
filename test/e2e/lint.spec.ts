import { afterEach, expect, it } from '@jest/globals';
import { type LoggerService, Injectable } from '@nestjs/common';
import { SagaDefinition, SagaPlanError, SagaStep, type StepContext } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Mail {
  @SagaStep('mail.send') send(): void {}
  @SagaStep('mail.count', { sets: ['count'] }) count(_input: unknown, ctx: StepContext): void {
    ctx.setContext({ cuont: 1 });
  }
}

@SagaDefinition({ name: 'careless' })
@Injectable()
class Careless {
  @SagaStep('pay') pay(): void {}
}

class Warnings implements LoggerService {
  readonly seen: string[] = [];
  log(): void {}
  error(): void {}
  warn(message: string): void {
    this.seen.push(message);
  }
}

it('a careless class is warned of at boot, and refused where its rule counts as an error', async () => {
  const logger = new Warnings();
  await bootSagaApp({ providers: [Careless], logger });
  expect(logger.seen).toEqual([expect.stringMatching(/^saga "careless", step "pay": nothing undoes "careless.pay": .* \(missing-undo\)$/)]);
  const strict = bootSagaApp({ providers: [Careless], options: { lint: { rules: { 'missing-undo': 'error' } } } });
  await expect(strict).rejects.toThrow('saga "careless", step "pay": nothing undoes "careless.pay"');
});

it('a plan that is started is warned of once, and refused where its rule counts as an error', async () => {
  const app = await bootSagaApp({ providers: [Mail], options: { lint: { rules: { 'too-many-steps': 'error' }, maxSteps: 2 } } });
  const steps = (count: number) => Array.from({ length: count }, (_, n) => ({ name: `s${n}`, action: 'mail.send' }));
  for (let times = 0; times < 2; times++) await app.sagas.start('mails', steps(2));
  const questioned = app.signals.filter(({ type }) => type === 'plan.questioned');
  expect(questioned).toMatchObject([{ name: 'mails', findings: [{ code: 'missing-undo' }, { code: 'missing-undo' }] }]);
  await expect(app.sagas.start('mails', steps(3))).rejects.toThrow(SagaPlanError);
  expect(await app.sagas.list({ name: 'mails' })).toHaveLength(2);
});

it('a misspelt rule is refused at boot', async () => {
  const booting = bootSagaApp({ options: { lint: { rules: { 'missing-undos': 'off' } as never } } });
  await expect(booting).rejects.toThrow('did you mean "missing-undo"?');
});

it('a step that sets another name of the context than it says fails clearly', async () => {
  const app = await bootSagaApp({ providers: [Mail] });
  const { id } = await app.sagas.start('count', [{ name: 'count', action: 'mail.count', compensation: null }]);
  const saga = await app.sagas.waitFor(id);
  expect(saga.cause).toMatchObject({
    error: { message: expect.stringContaining('"/cuont": is none of the names that this step sets (count)') },
  });
});
