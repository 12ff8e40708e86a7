import { ACTIVE_STATES } from '../core/saga-value';
import type { SagaStore } from '../ports/saga-store';
import type { InspectedSaga } from '../ports/stored-saga';

const MOST_SAGAS = 1_000;

/**
 * Milliseconds until something in the store is due, by its own clock; what is due already is negative. Null when nothing ever is. A saga that
 * waits for another one looks after it now and then, and sees nothing before that has ended: such looks count when nothing else is due.
 */
export async function nextDueMs(store: SagaStore, graceMs: number): Promise<number | null> {
  const active = await store.list({ states: ACTIVE_STATES, limit: MOST_SAGAS });
  const attended = await store.list({ attention: true, limit: MOST_SAGAS });
  const inspected = await Promise.all([...active, ...attended].map(({ saga }) => store.inspect(saga.id)));
  const moves = new Set(active.map(({ saga }) => saga.id));
  const due = inspected.flatMap((saga) => (saga === null ? [] : dueTimes(saga, graceMs, moves)));
  const next = due.some(({ isLook }) => !isLook) ? due.filter(({ isLook }) => !isLook) : due;
  return next.length === 0 ? null : Math.min(...next.map(({ inMs }) => inMs));
}

interface Due {
  readonly inMs: number;
  /** After a saga that has not ended. */
  readonly isLook: boolean;
}

function dueTimes({ stored, operations, deadlineInMs }: InspectedSaga, graceMs: number, moves: ReadonlySet<string>): readonly Due[] {
  const { saga } = stored;
  const ofOperations = [...operations].flatMap(([key, { sendInMs, leaseInMs }]): readonly Due[] => {
    const operation = saga.operations.get(key);
    if (operation?.state === 'running') return leaseInMs === null ? [] : [{ inMs: leaseInMs + graceMs, isLook: false }];
    const { wait = null } = operation?.state === 'waiting' ? operation : {};
    return saga.paused || sendInMs === null ? [] : [{ inMs: sendInMs, isLook: wait?.kind === 'saga' && moves.has(wait.sagaId) }];
  });
  const hasDeadline = deadlineInMs !== null && !saga.paused && saga.state === 'started';
  return hasDeadline ? [...ofOperations, { inMs: deadlineInMs, isLook: false }] : ofOperations;
}
