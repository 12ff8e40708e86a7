import { describe, it } from '@jest/globals';
import { InMemorySagaStore } from '../../lib/adapters/memory/in-memory-saga.store';
import { storeContract, type StoreFixture } from '../../lib/testing/store-contract';
import { postgresFixture } from './typeorm-store.fixture';

function inMemoryFixture(): Promise<StoreFixture> {
  let now = 1_700_000_000_000;
  const store = new InMemorySagaStore(() => now++);
  const advance = (ms: number): Promise<void> => {
    now += ms;
    return Promise.resolve();
  };
  return Promise.resolve({ store, advance, dispose: () => store.close() });
}

describe('InMemorySagaStore', () => {
  for (const { name, run } of storeContract()) it(name, () => run(inMemoryFixture));
});

describe('TypeOrmSagaStore', () => {
  for (const { name, run } of storeContract()) it(name, () => run(postgresFixture), 60_000);

  describe('without named statements', () => {
    for (const { name, run } of storeContract()) {
      if (name.includes('random walk 1') || name.includes('even at once'))
        it(name, () => run(() => postgresFixture({ namedStatements: false })));
    }
  });
});
