import { isTerminal } from '../../core/saga-value';
import { contextPatch, differences, NEW_OPERATIONS, OPERATION_CHANGES, timedOutBefore, wakesInMs, type Move } from './apply.statement';
import { HISTORY_COLUMNS, HISTORY_RECORD, historyEntryOf } from './history-record';
import { changedRecords, newRecords, OPERATION_RECORD } from './operation-record';
import { delayMs, inMs, type Statement } from './sql';

/** A decision as JSON, encoded once, so that its size is known before it joins a batch. */
export interface EncodedMove {
  readonly move: Move;
  readonly saga: string;
  readonly changes: readonly string[];
  readonly additions: readonly string[];
  readonly bytes: number;
}

export function encoded(move: Move): EncodedMove {
  const { before, after } = move;
  const { changed, added } = differences(before, after);
  const saga = JSON.stringify({
    id: before.id,
    rev: before.rev,
    state: after.state,
    open_actions: after.openActions,
    open_undos: after.openUndos,
    cause: after.cause,
    attention: after.attention,
    paused: after.paused,
    past_pivot: after.pastPivot,
    turning: after.turning,
    given_up: after.givenUp,
    finished_by: after.finishedBy,
    ends: isTerminal(after.state),
    wake_ms: wakesInMs(move),
    changed: changed.length,
    grace_ms: move.leaseGraceMs === null ? null : delayMs(move.leaseGraceMs),
    timed_out: timedOutBefore(move),
    patch: contextPatch(move.effects),
    entry: historyEntryOf(move.effects),
  });
  const ofSaga = (record: object): string => JSON.stringify({ ...record, saga_id: before.id });
  const changes = changedRecords(changed, before.operations, move).map(ofSaga);
  const additions = newRecords(added, move).map(ofSaga);
  const bytes = [saga, ...changes, ...additions].reduce((sum, text) => sum + text.length, 0);
  return { move, saga, changes, additions, bytes };
}

const SAGA_RECORD = `(id text, rev bigint, state text, open_actions int, open_undos int, cause jsonb, attention boolean, paused boolean,
  past_pivot boolean, turning jsonb, given_up int, finished_by int, ends boolean, wake_ms float8, changed int, grace_ms float8, timed_out boolean,
  patch jsonb, entry jsonb)`;

/** The record of an operation, and whose it is. */
const OF_SAGA = OPERATION_RECORD.replace(/\)\s*$/, ', saga_id text)');

/**
 * Applies many decisions about different sagas, each if its saga is still the one that was decided on; the ids of those are answered. A row
 * too few raises SG001, which undoes them all. Rows are reached by their whole keys, through LATERAL or arrays: a join with a
 * table that has no statistics may read all of it. Locks are taken in the order of ids.
 */
export function applyBatchStatement(schema: string, moves: readonly EncodedMove[]): Statement {
  const s = `"${schema}"`;
  const operations = moves.flatMap(({ move }) => differences(move.before, move.after).changed);
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset($1::jsonb) AS m${SAGA_RECORD}
      ), locked AS MATERIALIZED (
        SELECT held.id FROM (SELECT id, rev FROM m ORDER BY id) m CROSS JOIN LATERAL (
          SELECT s.id FROM ${s}.sagas s WHERE s.id = m.id AND s.rev = m.rev FOR NO KEY UPDATE SKIP LOCKED) held
      ), saga AS (
        UPDATE ${s}.sagas s
           SET rev = s.rev + 1, state = m.state, open_actions = m.open_actions, open_undos = m.open_undos, cause = m.cause,
               attention = m.attention, paused = m.paused, past_pivot = m.past_pivot, turning = m.turning, given_up = m.given_up,
               finished_by = m.finished_by, updated_at = clock_timestamp(),
               wake_at = CASE WHEN m.ends AND s.completed_at IS NULL THEN NULL ELSE least(s.wake_at, ${inMs('m.wake_ms')}) END,
               completed_at = CASE WHEN m.ends THEN coalesce(s.completed_at, clock_timestamp()) END
          FROM m WHERE s.id = ANY (ARRAY(SELECT id FROM locked)) AND s.id = m.id
        RETURNING s.id, s.rev, m.changed, m.grace_ms, m.timed_out, m.patch, m.entry
      ), changed AS (
        UPDATE ${s}.operations o
           SET ${OPERATION_CHANGES}
          FROM saga, jsonb_to_recordset($2::jsonb) AS c${OF_SAGA}
         WHERE o.saga_id = ANY ($4::text[]) AND o.direction = ANY ($5::text[]) AND o.step = ANY ($6::int[])
           AND saga.id = c.saga_id AND o.saga_id = c.saga_id AND o.direction = c.direction AND o.step = c.step AND o.round = c.round
           AND o.fence = c.fence_before
           AND (saga.grace_ms IS NULL OR o.state <> 'running' OR o.fence = c.fence
                OR (o.timed_out = saga.timed_out AND ${inMs('saga.grace_ms', 'o.lease_until')} <= clock_timestamp()))
        RETURNING 1
      ), added AS (
        INSERT INTO ${s}.operations ${NEW_OPERATIONS.columns}
        SELECT saga.id, ${NEW_OPERATIONS.values} FROM saga JOIN jsonb_to_recordset($3::jsonb) AS a${OF_SAGA} ON a.saga_id = saga.id
      ), record AS (
        INSERT INTO ${s}.history (saga_id, rev, ${HISTORY_COLUMNS})
        SELECT saga.id, saga.rev, h.* FROM saga, jsonb_to_record(saga.entry) AS h${HISTORY_RECORD}
      ), overlay AS (
        INSERT INTO ${s}.inputs AS laid (saga_id, step, input, refs)
        SELECT saga.id, -2, saga.patch, '[]' FROM saga WHERE saga.patch IS NOT NULL
        ON CONFLICT (saga_id, step) DO UPDATE SET input = laid.input || excluded.input
      )
      SELECT saga.id, ${s}.expect_rows((SELECT count(*) FROM changed), (SELECT sum(changed) FROM saga)) AS complete FROM saga`,
    values: [
      ...[
        array(moves.map(({ saga }) => saga)),
        array(moves.flatMap(({ changes }) => changes)),
        array(moves.flatMap(({ additions }) => additions)),
      ],
      ...[
        moves.map(({ move }) => move.before.id),
        distinct(operations.map(({ direction }) => direction)),
        distinct(operations.map(({ step }) => step)),
      ],
    ],
  };
}

function array(records: readonly string[]): string {
  return `[${records.join(',')}]`;
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}
