import { historyInsert } from './history-record';
import { MOVE_RECORD, type EncodedMove } from './move';
import { nextColumns, type NextRow } from './next-claim.columns';
import { NEW_OPERATIONS, OPERATION_CHANGES, OPERATION_RECORD } from './operation-record';
import { recordArray, unnested } from './record-text';
import { among, epochMs, inMs, inOrder, namedFor, type Statement } from './sql';

/** A move that was applied, and what its chained claim needs. */
export interface AppliedRow extends NextRow {
  readonly id: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly completed_at: number | null;
}

/**
 * Applies decisions about different sagas, each if its saga is still the one that was decided on; those are answered. A row too few raises
 * SG001, which undoes them all. Rows are reached by their whole keys, through LATERAL or arrays: a join with a table that has no
 * statistics may read all of it. Locks are taken in the order of ids. A chained claim whose rule does not hold at this moment keeps
 * its whole move from being applied.
 */
export function applyStatement(schema: string, moves: readonly EncodedMove[]): Statement {
  const s = `"${schema}"`;
  const changed = moves.flatMap((move) => move.changed);
  // What no member needs is left out: a plan costs what it could do, not what it does.
  const hasAdditions = moves.some(({ additions }) => additions.length > 0);
  const hasPatches = moves.some(({ patches }) => patches);
  const reads = moves.some((move) => move.reads);
  const variant = `${hasAdditions ? '_add' : ''}${hasPatches ? '_lay' : ''}${reads ? '_next' : ''}`;
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM ${unnested(s, MOVE_RECORD, '$1')} AS m
      ), locked AS MATERIALIZED (
        SELECT held.id FROM (SELECT * FROM m ORDER BY id) m CROSS JOIN LATERAL (
          SELECT s.id FROM ${s}.sagas s
           WHERE s.id = m.id AND s.rev = m.rev
             AND NOT (m.next_minds_deadline IS TRUE AND coalesce(s.deadline_at <= clock_timestamp(), false))
             AND (m.next_paused_by IS NULL OR NOT EXISTS (SELECT FROM ${s}.pauses p WHERE p.key = m.next_paused_by AND p.resumed_at IS NULL))
             FOR NO KEY UPDATE OF s SKIP LOCKED) held
      ), saga AS (
        UPDATE ${s}.sagas s
           SET rev = s.rev + m.events, state = m.state, open_actions = coalesce(m.open_actions, 0), open_undos = coalesce(m.open_undos, 0),
               cause = m.cause, attention = coalesce(m.attention, false), paused = coalesce(m.paused, false),
               past_pivot = coalesce(m.past_pivot, false), turning = m.turning, given_up = coalesce(m.given_up, 0),
               finished_by = m.finished_by, updated_at = clock_timestamp(),
               wake_at = CASE WHEN m.ends AND s.completed_at IS NULL THEN NULL ELSE least(s.wake_at, ${inMs('m.wake_ms')}) END,
               completed_at = CASE WHEN m.ends THEN coalesce(s.completed_at, clock_timestamp()) END
          FROM m WHERE s.id ${among('locked', moves)} AND s.id = m.id
        RETURNING s.id, s.state, s.updated_at, s.completed_at, m.changed, m.grace_ms, coalesce(m.timed_out, false) AS timed_out, m.patch, m.next_direction, m.next_step, m.next_round, m.next_neighbours
      ), c AS MATERIALIZED (
        SELECT * FROM ${unnested(s, OPERATION_RECORD, '$2')} AS c
      ), changed AS (
        UPDATE ${s}.operations o
           SET ${OPERATION_CHANGES}
          FROM saga, c
         WHERE o.saga_id = ANY ($4::text[]) AND o.direction = ANY ($5::text[]) AND o.step = ANY ($6::int[])
           AND saga.id = c.saga_id AND o.saga_id = c.saga_id AND o.direction = c.direction AND o.step = c.step AND o.round = c.round
           AND o.fence = c.fence_before
           AND (saga.grace_ms IS NULL OR o.state <> 'running' OR o.fence = coalesce(c.fence, 0)
                OR (o.timed_out = saga.timed_out AND ${inMs('saga.grace_ms', 'o.lease_until')} <= clock_timestamp()))
        RETURNING 1
      )${hasAdditions ? addedOperations(s) : ''}, record AS (
        ${historyInsert(s, 'c', '$3')}
      )${hasPatches ? laidOver(s) : ''}
      SELECT saga.id, ${epochMs('saga.updated_at')} AS at, ${epochMs('saga.completed_at')} AS completed_at, ${s}.expect_rows((SELECT count(*) FROM changed), (SELECT sum(changed) FROM saga)) AS complete ${reads ? `, ${nextColumns(s)}` : 'FROM saga'}`,
    values: [
      recordArray(moves.map(({ saga }) => saga)),
      recordArray(moves.flatMap(({ changes }) => changes)),
      recordArray(moves.flatMap(({ entries }) => entries)),
      inOrder(moves.map(({ sagaId }) => sagaId)),
      [...new Set(changed.map(({ direction }) => direction))],
      [...new Set(changed.map(({ step }) => step))],
      ...(hasAdditions ? [recordArray(moves.flatMap(({ additions }) => additions))] : []),
    ],
    ...namedFor(`nest_saga_apply${variant}`, moves),
  };
}

function addedOperations(s: string): string {
  return `, added AS (
        INSERT INTO ${s}.operations ${NEW_OPERATIONS.columns}
        SELECT saga.id, ${NEW_OPERATIONS.values} FROM saga JOIN ${unnested(s, OPERATION_RECORD, '$7')} AS a ON a.saga_id = saga.id
      )`;
}

/** What `setContext()` adds to the context that later handlers see; what was given at start stays as it is. */
function laidOver(s: string): string {
  return `, overlay AS (
        INSERT INTO ${s}.inputs AS laid (saga_id, step, input, refs)
        SELECT saga.id, -2, saga.patch, '[]' FROM saga WHERE saga.patch IS NOT NULL
        ON CONFLICT (saga_id, step) DO UPDATE SET input = laid.input || excluded.input
      )`;
}
