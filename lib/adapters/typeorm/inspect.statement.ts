import { operationKey, type OperationKey, type OperationRef } from '../../core/operation';
import type { Plan } from '../../core/plan';
import type { InspectedOperation, InspectedSaga } from '../../ports/stored-saga';
import { storedColumns, toStoredSaga, type StoredSagaRow } from './find.statement';
import { toPausedAction, type PauseRow } from './pause.statement';
import { epochMs, type Statement } from './sql';

type TimesRow = readonly [
  direction: OperationRef['direction'],
  step: number,
  round: number,
  dueInMs: number | null,
  sendInMs: number | null,
  resends: number,
  leaseInMs: number | null,
  worker: string | null,
];

export interface InspectedRow extends StoredSagaRow {
  readonly times: readonly TimesRow[];
  readonly deadline_in: number | null;
  readonly pauses: readonly PauseRow[];
}

export function inspectStatement(schema: string, sagaId: string): Statement {
  const s = `"${schema}"`;
  return {
    text: `SELECT ${storedColumns(schema)}, ${fromNow('s.deadline_at')} AS deadline_in,
             coalesce((SELECT json_agg(json_build_array(o.direction, o.step, o.round, ${fromNow('o.due_at')}, ${fromNow('o.send_at')},
                         o.resends, ${fromNow('o.lease_until')}, o.worker))
                FROM ${s}.operations o
               WHERE o.saga_id = s.id AND o.state IN ('pending', 'started', 'running', 'retrying', 'waiting')), '[]'::json) AS times,
             coalesce((SELECT json_agg(json_build_object('key', p.key, 'at', ${epochMs('p.at')}, 'reason', p.reason, 'actor', p.actor) ORDER BY p.at, p.key)
                FROM ${s}.pauses p
               WHERE p.resumed_at IS NULL AND p.key IN (
                 SELECT o.key FROM ${s}.operations o WHERE o.saga_id = s.id AND o.direction = 'action')), '[]'::json) AS pauses
             FROM ${s}.sagas s WHERE s.id = $1`,
    values: [sagaId],
  };
}

/** One instant for all of them. */
function fromNow(column: string): string {
  return `(${epochMs(column)} - ${epochMs('statement_timestamp()')})`;
}

export function toInspectedSaga(row: InspectedRow, plan: Plan): InspectedSaga {
  return {
    stored: toStoredSaga(row, plan),
    operations: new Map(row.times.map(toInspectedOperation)),
    deadlineInMs: row.deadline_in,
    pausedActions: row.pauses.map(toPausedAction),
  };
}

function toInspectedOperation(row: TimesRow): [OperationKey, InspectedOperation] {
  const [direction, step, round, dueInMs, sendInMs, resends, leaseInMs, worker] = row;
  return [operationKey({ direction, step, round }), { dueInMs, sendInMs, resends, leaseInMs, worker }];
}
