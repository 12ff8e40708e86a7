import type { StoreDefinition } from '../../ports/store-definition';
import { InMemorySagaStore } from './in-memory-saga.store';

/**
 * Keeps sagas in memory: for tests and for trying things out. Every application that is given the same definition shares one store.
 *
 * @example
 * SagaModule.forRoot({ store: inMemoryStore(), transport: inProcessTransport() })
 */
export function inMemoryStore(): StoreDefinition {
  const store = new InMemorySagaStore();
  return { kind: 'memory', problems: () => [], create: () => store };
}
