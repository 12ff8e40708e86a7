import type { SagaStore } from '../ports/saga-store';
import type { ContractCase } from './contract-case';

/** A store with nothing in it, open, and a way to let its time pass. */
export interface StoreFixture {
  readonly store: SagaStore;
  /** Lets the store's clock move on: a virtual one in memory; a database has its stored times moved back instead. */
  advance(ms: number): Promise<void>;
  dispose(): Promise<void>;
}

export type StoreCase = ContractCase<StoreFixture>;

/** A promise that needs one fixture. */
export function promise(name: string, keep: (fixture: StoreFixture) => Promise<void>): StoreCase {
  return {
    name,
    run: async (make) => {
      const fixture = await make();
      try {
        await keep(fixture);
      } finally {
        await fixture.dispose();
      }
    },
  };
}
