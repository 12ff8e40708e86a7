import { isTerminal, type SagaParent, type SagaState } from '../core/saga-value';
import type { SagaEvent } from '../core/event';
import type { OperationRef, Wait } from '../core/operation';
import type { ApplyResult } from '../ports/report';
import type { SagaStore } from '../ports/saga-store';
import type { DueWait } from '../ports/sweep';

type WaitForSaga = Extract<Wait, { readonly kind: 'saga' }>;

/**
 * Tells a saga at once that one which it waits for has come to where it should look. What is lost here, with its process, is made up for
 * by the sweep, which looks after every such wait now and then.
 */
export class ParentWaker {
  constructor(
    private readonly store: SagaStore,
    private readonly commit: (sagaId: string, event: SagaEvent) => Promise<ApplyResult>,
  ) {}

  /** The step that has started it waits for it, or the undo of that step does. */
  async wake({ sagaId, step, undoes }: SagaParent): Promise<void> {
    const directions = undoes === undefined ? (['action', 'undo'] as const) : (['undo'] as const);
    for (const direction of directions) {
      const result = await this.commit(sagaId, { type: 'woken', operation: { step, direction, round: 1 } });
      if (result.kind === 'applied') return;
    }
  }

  /** A wait has begun. What it waits for may have come meanwhile, when nobody waited for it yet. */
  async begun(sagaId: string, operation: OperationRef, wait: WaitForSaga): Promise<void> {
    const states = await this.store.states([wait.sagaId]);
    if (isNews(wait, states.get(wait.sagaId))) await this.commit(sagaId, { type: 'woken', operation });
  }
}

/** Of the waits that it is time to look after, those that are over or that have something to see: each look costs a claim. */
export async function withNews(store: Pick<SagaStore, 'states'>, waits: readonly DueWait[]): Promise<readonly DueWait[]> {
  const ids = waits.flatMap(({ wait, isOver }) => (wait.kind === 'saga' && !isOver ? [wait.sagaId] : []));
  if (ids.length === 0) return waits;
  const states = await store.states([...new Set(ids)]);
  return waits.filter(({ wait, isOver }) => wait.kind !== 'saga' || isOver || isNews(wait, states.get(wait.sagaId)));
}

/** It has ended, is gone, or is stuck and was not, or the other way round. */
function isNews(wait: WaitForSaga, state: SagaState | undefined): boolean {
  if (state === undefined || isTerminal(state)) return true;
  return (state === 'stuck') !== (wait.stuck === true);
}
