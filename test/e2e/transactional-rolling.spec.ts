import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Compensate, SagaStep } from 'nest-saga';
import { bootSagaApp, closeApps, freshName } from './saga-app';

afterEach(closeApps);

/** The version that the saga was started with. */
@Injectable()
class Before {
  @SagaStep('book', { transactional: true }) book() {}
  @Compensate('unbook', { for: 'book' }) unbook() {}
}

/** The next one: somebody took the transaction away. */
@Injectable()
class After {
  ran = 0;
  @SagaStep('book') book() {
    this.ran++;
  }
  @Compensate('unbook', { for: 'book' }) unbook() {}
}

describe('A saga that was started with a transactional handler', () => {
  it('is never run by one that is not any more: it fails with a word to say why, and nothing has happened', async () => {
    const namespace = freshName();
    const options = { defaults: { infrastructureBudget: 2 } };
    const before = await bootSagaApp({ namespace, providers: [Before], options: { ...options, workers: { steps: 0, compensations: 0 } } });
    const after = await bootSagaApp({ namespace, providers: [After], options });
    const { id } = await before.sagas.start('s', [{ name: 'a', action: 'book' }]);
    const saga = await after.sagas.waitFor(id);
    expect(saga.state).toBe('failed');
    expect(saga.steps[0]).toMatchObject({ status: 'failed', error: { code: 'SAGA_TRANSACTION' } });
    expect(saga.steps[0]?.error?.message).toContain('started with a transactional handler for "book"');
    expect(after.context.get(After).ran).toBe(0);
  });
});
