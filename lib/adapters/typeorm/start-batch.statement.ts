import type { StartRequest } from '../../ports/saga-store';
import { NEW_OPERATIONS } from './apply.statement';
import { HISTORY_COLUMNS, HISTORY_RECORD, historyEntryOf } from './history-record';
import { earliestMs, newRecords, OPERATION_RECORD } from './operation-record';
import { delayMs, inMs, type Statement } from './sql';
import { inputRecords, keyLock, type KeyedStartRow } from './start.statement';

/** A start as JSON, encoded once, so that its size is known before it joins a batch. */
export interface EncodedStart {
  readonly request: StartRequest;
  readonly saga: string;
  readonly inputs: readonly string[];
  readonly operations: readonly string[];
  readonly bytes: number;
}

export function encodedStart(request: StartRequest): EncodedStart {
  const { saga, plan, effects, resendMs, deadlineMs, businessKey } = request;
  const text = JSON.stringify({
    id: request.sagaId,
    name: plan.name,
    state: saga.state,
    rev: saga.rev,
    plan_hash: request.planHash,
    plan_format: plan.format,
    open_actions: saga.openActions,
    open_undos: saga.openUndos,
    cause: saga.cause,
    parent: saga.parent,
    deadline_ms: deadlineMs === null ? null : delayMs(deadlineMs),
    wake_ms: earliestMs({ effects, resendMs }),
    key: businessKey?.key ?? null,
    fingerprint: businessKey?.fingerprint ?? null,
    entry: historyEntryOf(effects),
  });
  const ofSaga = (record: object): string => JSON.stringify({ ...record, saga_id: request.sagaId });
  const inputs = inputRecords(request).map(ofSaga);
  const operations = newRecords([...saga.operations.values()], { plan, effects, resendMs }).map(ofSaga);
  return { request, saga: text, inputs, operations, bytes: [text, ...inputs, ...operations].reduce((sum, one) => sum + one.length, 0) };
}

export interface BatchedStartRow extends KeyedStartRow {
  readonly id: string;
}

/**
 * Starts many sagas, no two of the same business key. A key that somebody else holds at this moment delays only its own saga: `got` is false
 * for it. The unique key decides, as in the statement for one.
 */
export function startBatchStatement(schema: string, starts: readonly EncodedStart[]): Statement {
  const s = `"${schema}"`;
  const array = (records: readonly string[]): string => `[${records.join(',')}]`;
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset($1::jsonb) AS m(id text, name text, state text, rev bigint, plan_hash text, plan_format smallint, open_actions int,
          open_undos int, cause jsonb, parent jsonb, deadline_ms float8, wake_ms float8, key text, fingerprint text, entry jsonb)
      ), lock AS MATERIALIZED (
        SELECT m.id, CASE WHEN m.key IS NULL THEN true ELSE pg_try_advisory_xact_lock(${keyLock('$4::text', 'm.name', 'm.key')}) END AS got FROM m
      ), keyed AS (
        INSERT INTO ${s}.business_keys (saga_name, key, saga_id, fingerprint)
        SELECT m.name, m.key, m.id, m.fingerprint FROM m JOIN lock ON lock.id = m.id WHERE m.key IS NOT NULL AND lock.got
        ON CONFLICT (saga_name, key) DO NOTHING
        RETURNING saga_id
      ), saga AS (
        INSERT INTO ${s}.sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, cause, parent, deadline_at, wake_at)
        SELECT m.id, m.name, m.state, m.rev, m.plan_hash, m.plan_format, m.open_actions, m.open_undos, m.cause, m.parent,
               ${inMs('m.deadline_ms')}, least(${inMs('m.deadline_ms')}, ${inMs('m.wake_ms')})
          FROM m WHERE m.key IS NULL OR m.id IN (SELECT saga_id FROM keyed)
        ON CONFLICT (id) DO NOTHING
        RETURNING id, rev
      ), given AS (
        INSERT INTO ${s}.inputs (saga_id, step, step_id, input, refs)
        SELECT saga.id, i.step, i.step_id, coalesce(i.input, 'null'), i.refs
          FROM saga JOIN jsonb_to_recordset($2::jsonb) AS i(saga_id text, step int, step_id text, input jsonb, refs jsonb) ON i.saga_id = saga.id
      ), operation AS (
        INSERT INTO ${s}.operations ${NEW_OPERATIONS.columns}
        SELECT saga.id, ${NEW_OPERATIONS.values}
          FROM saga JOIN jsonb_to_recordset($3::jsonb) AS a${OPERATION_RECORD.replace(/\)\s*$/, ', saga_id text)')} ON a.saga_id = saga.id
      ), record AS (
        INSERT INTO ${s}.history (saga_id, rev, ${HISTORY_COLUMNS})
        SELECT saga.id, saga.rev, h.* FROM saga JOIN m ON m.id = saga.id CROSS JOIN LATERAL jsonb_to_record(m.entry) AS h${HISTORY_RECORD}
      )
      SELECT m.id, lock.got, EXISTS (SELECT FROM saga WHERE saga.id = m.id) AS started, b.saga_id, b.fingerprint,
             coalesce(known.state, b.final_state) AS state, known.id IS NULL AS purged
        FROM m JOIN lock ON lock.id = m.id
        LEFT JOIN LATERAL (SELECT * FROM ${s}.business_keys b WHERE b.saga_name = m.name AND b.key = m.key OFFSET 0) b ON true
        LEFT JOIN LATERAL (SELECT k.id, k.state FROM ${s}.sagas k WHERE k.id = b.saga_id OFFSET 0) known ON true`,
    values: [
      array(starts.map(({ saga }) => saga)),
      array(starts.flatMap(({ inputs }) => inputs)),
      array(starts.flatMap(({ operations }) => operations)),
      schema,
    ],
  };
}
