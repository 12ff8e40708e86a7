import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, SagaInputError, SagaStep, SagaStepRefusedError } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  readonly undone: unknown[] = [];
  hold = true;
  @SagaStep('run') run() {
    return this.hold ? new Promise(() => undefined) : 'ran';
  }
  @Compensate('undo', { for: 'run' }) undo(output: unknown) {
    this.undone.push(output);
  }
}

const STEPS = [
  { name: 'a', action: 'run' },
  { name: 'b', action: 'run' },
];

describe('SagaRepository', () => {
  it('saves, loads and lists sagas, and deletes one that has ended', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    app.context.get(Steps).hold = false;
    const { id } = await app.repository.saveSaga('s', STEPS, { customer: 'c-1' });
    await app.sagas.waitFor(id);
    expect(await app.repository.loadSaga(id)).toMatchObject({ id, name: 's', state: 'completed', context: { customer: 'c-1' } });
    expect(await app.repository.listActiveSagas()).toEqual([]);
    await app.repository.deleteSaga(id);
    expect(await app.repository.loadSaga(id)).toBeNull();
  });

  it('takes the word of somebody else for a step, once, and drops what its worker says later', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const { id } = await app.repository.saveSaga('s', STEPS);
    await app.signal('operation.claimed');
    const [a, b] = (await app.sagas.get(id)).steps;
    app.context.get(Steps).hold = false;
    await app.repository.updateSagaStep(id, a!.id, { status: 'completed', output: { by: 'hand' } });
    const saga = await app.sagas.waitFor(id);
    expect(saga.steps.map((step) => step.output)).toEqual([{ by: 'hand' }, 'ran']);
    await expect(app.repository.updateSagaStep(id, b!.id, { status: 'failed', error: { message: 'too late' } })).rejects.toThrow(
      SagaStepRefusedError,
    );
  });

  it('counts one of many updates of the same step at once', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const { id } = await app.repository.saveSaga('s', STEPS);
    await app.signal('operation.claimed');
    const step = (await app.sagas.get(id)).steps[0]!;
    const updates = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => app.repository.updateSagaStep(id, step.id, { status: 'completed', output: i })),
    );
    expect(updates.filter((update) => update.status === 'fulfilled')).toHaveLength(1);
    await app.signal('operation.claimed', (claimed) => claimed.operation.direction === 'action' && claimed.operation.step === 1);
    await app.repository.updateSagaState(id, 'compensating');
    const { undone } = app.context.get(Steps);
    expect(undone.length).toBeLessThanOrEqual(1);
  });

  it('turns a saga back when its state is set to compensating, and refuses any state that does not follow from the steps', async () => {
    const app = await bootSagaApp({ providers: [Steps] });
    const { id } = await app.repository.saveSaga('s', STEPS);
    await app.signal('operation.claimed');
    const step = (await app.sagas.get(id)).steps[0]!;
    await app.repository.updateSagaStep(id, step.id, { status: 'completed', output: 'by hand' });
    await expect(app.repository.updateSagaState(id, 'completed')).rejects.toThrow(/only its steps can make it completed/);
    await expect(app.repository.updateSagaState(id, 'compensated')).rejects.toThrow(SagaStepRefusedError);
    await app.repository.updateSagaState(id, 'compensating', 'support');
    const second = (await app.sagas.get(id)).steps[1]!;
    if (second.status === 'running')
      await app.repository.updateSagaStep(id, second.id, { status: 'failed', error: { message: 'given up' } });
    expect((await app.sagas.waitFor(id)).state).toBe('compensated');
    expect(app.context.get(Steps).undone).toEqual(['by hand']);
  });

  it.each<[string, unknown, string]>([
    [
      'a status in capitals',
      { status: 'Failed' },
      "\"/status\": must be 'completed', 'failed' or 'compensated' (did you mean \"failed\"?)",
    ],
    ['no status', {}, '"/status"'],
    ['a name of every object', { status: 'constructor' }, '"/status"'],
    ['no object', 'completed', 'must be an object'],
    ['null', null, 'must be an object'],
    ['a misspelt output', { status: 'completed', ouput: 1 }, '(did you mean "output"?)'],
    ['an error of a completed step', { status: 'completed', error: { message: 'x' } }, '"/error": there is no such field'],
    ['no error', { status: 'failed' }, 'must be an object'],
    ['no message', { status: 'failed', error: {} }, '"/error/message": must be a text'],
    ['a long message', { status: 'failed', error: { message: 'x'.repeat(2_049) } }, '2049 characters are more than 2048'],
    ['a long code', { status: 'failed', error: { message: 'x', code: 'x'.repeat(129) } }, '129 characters are more than 128'],
    ['a message that cannot be stored', { status: 'failed', error: { message: 'a\u0000b' } }, 'NUL'],
  ])('refuses an update that is none, and the step goes on: %s', async (_what, update, message) => {
    const app = await bootSagaApp({ providers: [Steps] });
    const { id } = await app.repository.saveSaga('s', STEPS);
    const step = (await app.sagas.get(id)).steps[0]!;
    const refused = app.repository.updateSagaStep(id, step.id, update as never);
    await expect(refused).rejects.toThrow(SagaInputError);
    await expect(refused).rejects.toThrow(message);
    expect((await app.sagas.get(id)).state).toBe('started');
  });

  it('refuses actors, states and limits that are none', async () => {
    const { repository, sagas } = await bootSagaApp({ providers: [Steps] });
    const { id } = await repository.saveSaga('s', STEPS);
    const step = (await sagas.get(id)).steps[0]!;
    await expect(repository.updateSagaStep(id, step.id, { status: 'completed' }, 5 as never)).rejects.toThrow(SagaInputError);
    await expect(repository.updateSagaState(id, 'compensating', 'x'.repeat(1_001))).rejects.toThrow(SagaInputError);
    await expect(repository.updateSagaState(id, 'complete' as never)).rejects.toThrow('(did you mean "completed"?)');
    for (const limit of [0, 1.5, 1_001, '5', null] as never[])
      await expect(repository.listActiveSagas(limit)).rejects.toThrow(SagaInputError);
  });
});
