import type { SagaState } from '../../core/saga-value';
import type { StartRequest } from '../../ports/saga-store';
import { insertOperations, jsonOrNull } from './apply.statement';
import { HISTORY_COLUMNS, HISTORY_RECORD, historyEntryOf, historyParameter } from './history-record';
import { earliestMs, newRecords } from './operation-record';
import { delayMs, inMs, type Statement } from './sql';

/** Answers the new saga's id; nothing when a saga of this id is there already. */
export function startStatement(schema: string, request: StartRequest): Statement {
  return {
    name: 'nest_saga_start',
    text: `WITH permitted AS MATERIALIZED (SELECT 1 AS one),
      ${insertSaga(schema)}
      SELECT saga.id FROM saga`,
    values: values(request),
  };
}

export interface KeyedStartRow {
  /** The lock on the key was free. */
  readonly got: boolean;
  /** This statement started the saga. */
  readonly started: boolean;
  /** Who had the key before, as this statement's snapshot shows it. */
  readonly saga_id: string | null;
  readonly fingerprint: string | null;
  readonly state: SagaState | null;
  readonly purged: boolean;
}

/**
 * A start under a business key. The unique key decides; the lock only keeps this statement from waiting behind somebody's open
 * transaction. Answers are texts and booleans alone, since in a caller's transaction they pass through the caller's parsers.
 */
export function keyedStartStatement(
  schema: string,
  request: StartRequest,
  key: { readonly key: string; readonly fingerprint: string },
): Statement {
  const s = `"${schema}"`;
  return {
    name: 'nest_saga_start_keyed',
    text: `WITH lock AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock(${keyLock('$16', '$2', '$17')}) AS got
      ), permitted AS (
        INSERT INTO ${s}.business_keys (saga_name, key, saga_id, fingerprint)
        SELECT $2, $17, $1, $18 FROM lock WHERE lock.got
        ON CONFLICT (saga_name, key) DO NOTHING
        RETURNING saga_id
      ),
      ${insertSaga(schema)}
      SELECT lock.got, EXISTS (SELECT FROM saga) AS started, b.saga_id, b.fingerprint,
             coalesce(known.state, b.final_state) AS state, known.id IS NULL AS purged
        FROM lock
        LEFT JOIN ${s}.business_keys b ON b.saga_name = $2 AND b.key = $17
        LEFT JOIN ${s}.sagas known ON known.id = b.saga_id`,
    values: [...values(request), schema, key.key, key.fingerprint],
  };
}

/** The same lock, waited for. */
export function keyLockStatement(schema: string, request: StartRequest, key: string): Statement {
  return {
    text: `SELECT pg_advisory_xact_lock(${keyLock('$1::text', '$2::text', '$3::text')})::text AS locked`,
    values: [schema, request.plan.name, key],
  };
}

export function keyLock(schema: string, name: string, key: string): string {
  return `hashtextextended(${schema} || chr(31) || ${name} || chr(31) || ${key}, 0)`;
}

function insertSaga(schema: string): string {
  const s = `"${schema}"`;
  return `saga AS (
        INSERT INTO ${s}.sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, cause, deadline_at, wake_at, parent, completed_at)
        SELECT $1::text, $2::text, $3::text, $4::bigint, $5::text, $6::smallint, $7::int, $8::int, $9::jsonb,
               ${inMs('$10::float8')}, least(${inMs('$10::float8')}, ${inMs('$11::float8')}), $15::jsonb,
               CASE WHEN $3::text IN ('completed', 'compensated', 'failed') THEN clock_timestamp() END
          FROM permitted
        ON CONFLICT (id) DO NOTHING
        RETURNING id, rev
      ), given AS (
        INSERT INTO ${s}.inputs (saga_id, step, step_id, input, refs)
        SELECT saga.id, i.step, i.step_id, coalesce(i.input, 'null'), i.refs
          FROM saga, jsonb_to_recordset($12::jsonb) AS i(step int, step_id text, input jsonb, refs jsonb)
      ), operation AS (
        ${insertOperations(s, 'saga.id', '$13::jsonb', 'saga')}
      ), record AS (
        INSERT INTO ${s}.history (saga_id, rev, ${HISTORY_COLUMNS})
        SELECT saga.id, saga.rev, h.* FROM saga, jsonb_to_record($14::jsonb) AS h${HISTORY_RECORD}
      )`;
}

/** What the saga itself was given, and the inputs of its steps. */
export function inputRecords(request: StartRequest): readonly object[] {
  const given = { context: request.context, metadata: request.metadata, businessKey: request.businessKey?.key ?? null };
  return [
    { step: -1, step_id: null, input: given, refs: [] },
    ...(request.laidOver == null ? [] : [{ step: -2, step_id: null, input: request.laidOver, refs: [] }]),
    ...request.steps.map(({ stepId, input, references }, step) => ({ step, step_id: stepId, input, refs: references })),
  ];
}

function values(request: StartRequest): readonly unknown[] {
  const { saga, plan, effects, resendMs, deadlineMs } = request;
  return [
    ...[request.sagaId, plan.name, saga.state, saga.rev, request.planHash, plan.format, saga.openActions, saga.openUndos],
    ...[jsonOrNull(saga.cause), deadlineMs === null ? null : delayMs(deadlineMs), earliestMs({ effects, resendMs })],
    ...[JSON.stringify(inputRecords(request)), JSON.stringify(newRecords([...saga.operations.values()], { plan, effects, resendMs }))],
    historyParameter(historyEntryOf(effects)),
    jsonOrNull(saga.parent),
  ];
}
