import { ACTIVE_STATES } from '../core/saga-value';
import type { InspectedSaga, SagaStore } from '../ports/saga-store';

const MOST_SAGAS = 1_000;

/** Milliseconds until something in the store is due, by its own clock; what is due already is negative. Null when nothing ever is. */
export async function nextDueMs(store: SagaStore, graceMs: number): Promise<number | null> {
  const active = await store.list({ states: ACTIVE_STATES, limit: MOST_SAGAS });
  const attended = await store.list({ attention: true, limit: MOST_SAGAS });
  const inspected = await Promise.all([...active, ...attended].map(({ saga }) => store.inspect(saga.id)));
  const next = Math.min(...inspected.flatMap((saga) => (saga === null ? [] : dueTimes(saga, graceMs))));
  return next === Infinity ? null : next;
}

function dueTimes({ stored, operations, deadlineInMs }: InspectedSaga, graceMs: number): readonly number[] {
  const { saga } = stored;
  const ofOperations = [...operations].flatMap(([key, { sendInMs, leaseInMs }]) => {
    const state = saga.operations.get(key)?.state;
    if (state === 'running') return leaseInMs === null ? [] : [leaseInMs + graceMs];
    return saga.paused || sendInMs === null ? [] : [sendInMs];
  });
  return deadlineInMs === null || saga.paused || saga.state !== 'started' ? ofOperations : [...ofOperations, deadlineInMs];
}
