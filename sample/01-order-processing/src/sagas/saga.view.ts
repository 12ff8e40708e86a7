import type { Saga, SagaState, SagaStepView } from 'nest-saga';

/** A saga as `GET /sagas/:id` shows it: what happened, without what customers sent. */
export interface SagaView {
  readonly sagaId: string;
  readonly name: string;
  readonly state: SagaState;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly completedAt: Date | null;
  readonly steps: readonly Pick<SagaStepView, 'id' | 'name' | 'action' | 'status' | 'executedAt' | 'error'>[];
}

export function viewOf({ id: sagaId, name, state, createdAt, updatedAt, completedAt, steps }: Saga): SagaView {
  return {
    sagaId,
    name,
    state,
    createdAt,
    updatedAt,
    completedAt,
    steps: steps.map(({ id, name, action, status, executedAt, error }) => ({ id, name, action, status, executedAt, error })),
  };
}
