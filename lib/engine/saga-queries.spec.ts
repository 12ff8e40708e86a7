import { expect, it } from '@jest/globals';
import { InMemorySagaStore } from '../adapters/memory/in-memory-saga.store';
import type { SagaStore } from '../ports/saga-store';
import { action, Scenario, TWO_STEPS } from '../testing/store-contract.scenario';
import { SagaQueries } from './saga-queries';
import type { Waiters } from './waiters';

async function endedSaga(): Promise<{ readonly store: SagaStore; readonly id: string }> {
  const store = new InMemorySagaStore();
  const scenario = new Scenario(store);
  const id = await scenario.start(TWO_STEPS, { sagaId: '01JD0000000000000000000000' });
  for (const place of [0, 1]) await scenario.perform(id, action(place));
  return { store, id };
}

function queriesOver(store: SagaStore, waiters: Pick<Waiters, 'wait'>): { readonly queries: SagaQueries; readonly reads: () => number } {
  let reads = 0;
  const counting = Object.assign(Object.create(store) as SagaStore, {
    find: async (sagaId: string) => {
      reads++;
      return store.find(sagaId);
    },
  });
  return { queries: new SagaQueries(counting, waiters as Waiters, 0, () => undefined), reads: () => reads };
}

it('waitFor() answers with the saga that it is told of, and reads it where it is only told that it has ended', async () => {
  const { store, id } = await endedSaga();
  const ended = (await store.find(id)) ?? undefined;
  const told = queriesOver(store, { wait: async () => ended });
  expect(await told.queries.waitFor(id, 1_000)).toMatchObject({ id, state: 'completed' });
  expect(told.reads()).toBe(0);
  const heard = queriesOver(store, { wait: async () => undefined });
  expect(await heard.queries.waitFor(id, 1_000)).toEqual(await told.queries.waitFor(id, 1_000));
  expect(heard.reads()).toBe(1);
});
