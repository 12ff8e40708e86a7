import type { SagaQuery } from '../../ports/saga-store';
import type { SagaGlance, StoredSaga } from '../../ports/stored-saga';
import { timesOf, type SagaRecord } from './saga-record';

type Records = ReadonlyMap<string, SagaRecord>;

/** A copy of all that is known of a saga. */
export function storedSaga(record: SagaRecord): StoredSaga {
  const steps = record.steps.map((step, place) => {
    const { settledAt } = timesOf(record, { direction: 'action', step: place, round: 1 });
    return {
      stepId: step.stepId,
      input: step.input,
      references: step.references,
      output: record.outputs.get(place) ?? null,
      executedAt: settledAt === null ? null : new Date(settledAt),
    };
  });
  const { plan, saga, context, laidOver, metadata, businessKey } = record;
  return structuredClone({
    plan,
    saga,
    context,
    laidOver,
    metadata,
    businessKey,
    steps,
    createdAt: new Date(record.createdAt),
    updatedAt: new Date(record.updatedAt),
    completedAt: record.completedAt === null ? null : new Date(record.completedAt),
  });
}

/** What somebody who watches a saga sees of it. */
export function glanceAt({ saga, history, plan }: SagaRecord): SagaGlance {
  const { state, rev, openActions, openUndos } = saga;
  const name = history.at(-1)?.step ?? null;
  return { state, rev, openActions, openUndos, step: name === null ? null : plan.steps.findIndex((one) => one.name === name) };
}

/** The newest sagas first. */
export function listed(records: Records, query: SagaQuery): readonly StoredSaga[] {
  const before = query.before === undefined ? Infinity : (records.get(query.before)?.seq ?? 0);
  return [...records.values()]
    .filter((record) => record.seq < before && isAskedFor(record, query))
    .sort((a, b) => b.seq - a.seq)
    .slice(0, query.limit)
    .map(storedSaga);
}

function isAskedFor({ saga }: SagaRecord, { states, attention, parent, name }: SagaQuery): boolean {
  return (
    (states === undefined || states.includes(saga.state)) &&
    (attention === undefined || attention === saga.attention) &&
    (parent === undefined || parent === saga.parent?.sagaId) &&
    (name === undefined || name === saga.name)
  );
}

/** Something of each of these sagas; of those that are not here, nothing. */
export function ofEach<T>(records: Records, sagaIds: readonly string[], read: (record: SagaRecord) => T): ReadonlyMap<string, T> {
  const found = new Map<string, T>();
  for (const id of sagaIds) {
    const record = records.get(id);
    if (record !== undefined) found.set(id, read(record));
  }
  return found;
}
