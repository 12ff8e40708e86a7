import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { SagaNotFoundError, SagaStep } from 'nest-saga';
import { bootSagaApp, closeApps } from './saga-app';

afterEach(closeApps);

@Injectable()
class Steps {
  @SagaStep('run') run() {
    return 1;
  }
}

const RUN = [{ name: 'run', action: 'run' }];

describe('Retention', () => {
  it('keeps finished sagas for ever unless it is told otherwise', async () => {
    const { sagas, signals } = await bootSagaApp({ providers: [Steps] });
    const { id } = await sagas.start('s', RUN);
    await sagas.waitFor(id);
    expect((await sagas.get(id)).state).toBe('completed');
    expect(signals.some((signal) => signal.type === 'purge.done')).toBe(false);
  });

  it('removes finished sagas after their time, and never their business keys', async () => {
    const app = await bootSagaApp({ providers: [Steps], options: { autoStart: false, retention: { finishedMs: 0 } } });
    const { id } = await app.sagas.start('s', RUN, {}, { businessKey: 'k' });
    const step = (await app.sagas.get(id)).steps[0];
    await app.repository.updateSagaStep(id, step?.id ?? '', { status: 'completed' });
    await app.sagas.run();
    expect(await app.signal('purge.done')).toMatchObject({ sagas: 1 });
    await expect(app.sagas.get(id)).rejects.toThrow(SagaNotFoundError);
    expect(await app.sagas.start('s', RUN, {}, { businessKey: 'k' })).toMatchObject({ id, created: false, purged: true });
  });
});
