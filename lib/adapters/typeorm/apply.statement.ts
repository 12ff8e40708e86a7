import { historyInsert } from './history-record';
import { MOVE_RECORD, SELDOM_SAGA_CHANGES, type EncodedMove } from './move';
import { nextColumns, type NextRow } from './next-claim.columns';
import { ADDITION_RECORD, CHANGE_RECORD, newOperations, operationChanges } from './operation-record';
import { besideSaga, partedArray, recordArray, saysMore, unnestedParts } from './record-type';
import { epochMs, inMs, namedJoin, type Statement } from './sql';

/** A move that was applied, and what its chained claim needs. */
export interface AppliedRow extends NextRow {
  readonly id: string;
  /** When, in milliseconds since 1970. */
  readonly at: number;
  readonly completed_at: number | null;
}

/**
 * Applies decisions about different sagas, each if its saga is still the one that was decided on; those are answered. A row too few raises
 * SG001, which undoes them all. Rows are looked up one by one, by their whole keys, and changed where they were found: PostgreSQL has no
 * choice that could turn out to be a look at all of them. Locks are taken in the order of ids. A chained claim whose rule does not hold at
 * this moment keeps its whole move from being applied.
 */
export function applyStatement(schema: string, moves: readonly EncodedMove[]): Statement {
  const s = `"${schema}"`;
  // What no member needs is left out: a plan costs what it could do, not what it does.
  const hasPatches = moves.some(({ patches }) => patches);
  const reads = moves.some((move) => move.reads);
  const sagas = moves.map(({ saga }) => saga);
  const changes = moves.flatMap((move) => move.changes);
  const additions = moves.flatMap((move) => move.additions);
  const isWhole = sagas.some(saysMore) || changes.some(saysMore) || additions.some(saysMore);
  const variant = `${additions.length > 0 ? '_add' : ''}${hasPatches ? '_lay' : ''}${reads ? '_next' : ''}${isWhole ? '_whole' : ''}`;
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM ${unnestedParts(s, MOVE_RECORD, isWhole, '$1')} AS m
      ), locked AS MATERIALIZED (
        SELECT m.*, held.place FROM (SELECT * FROM m ORDER BY id) m CROSS JOIN LATERAL (
          SELECT s.ctid AS place FROM ${s}.sagas s
           WHERE s.id = m.id AND s.rev = m.rev
             AND NOT (m.next_minds_deadline IS TRUE AND coalesce(s.deadline_at <= clock_timestamp(), false))
             AND (m.next_paused_by IS NULL OR NOT EXISTS (SELECT FROM ${s}.pauses p WHERE p.key = m.next_paused_by AND p.resumed_at IS NULL))
             FOR NO KEY UPDATE OF s SKIP LOCKED) held
      ), saga AS (
        UPDATE ${s}.sagas s
           SET rev = s.rev + m.events, state = m.state, open_actions = coalesce(m.open_actions, 0), open_undos = coalesce(m.open_undos, 0),
               ${isWhole ? `${SELDOM_SAGA_CHANGES},` : ''} updated_at = clock_timestamp(),
               wake_at = CASE WHEN m.ends AND s.completed_at IS NULL THEN NULL ELSE least(s.wake_at, ${inMs('m.wake_ms')}) END,
               completed_at = CASE WHEN m.ends THEN coalesce(s.completed_at, clock_timestamp()) END
          FROM locked m WHERE s.ctid = m.place
        RETURNING s.id, s.state, s.updated_at, s.completed_at, m.changed${isWhole ? SELDOM_ASKED : ''}
      ), c AS MATERIALIZED (
        SELECT r.*, found.place
          FROM ${besideSaga(unnestedParts(s, CHANGE_RECORD, isWhole, '$2'), `, saga.updated_at${isWhole ? ', saga.grace_ms, saga.timed_out AS timed_out_before' : ''}`)} r
         CROSS JOIN LATERAL (SELECT o.ctid AS place FROM ${s}.operations o
           WHERE o.saga_id = r.saga_id AND o.direction = r.direction AND o.step = r.step AND o.round = r.round OFFSET 0) found
      ), changed AS (
        UPDATE ${s}.operations o
           SET ${operationChanges(isWhole)}
          FROM c WHERE o.ctid = c.place AND o.fence = c.fence_before ${isWhole ? STILL_OVER : ''}
        RETURNING 1
      )${additions.length > 0 ? addedOperations(s, isWhole) : ''}, record AS (
        ${historyInsert(s, 'c', '$3', isWhole)}
      )${hasPatches ? laidOver(s) : ''}
      SELECT saga.id, ${epochMs('saga.updated_at')} AS at, ${epochMs('saga.completed_at')} AS completed_at, (SELECT ${s}.expect_rows((SELECT count(*) FROM changed), (SELECT sum(changed) FROM saga))) AS complete ${reads ? `, ${nextColumns(s)}` : 'FROM saga'}`,
    values: [
      partedArray(sagas, MOVE_RECORD, isWhole),
      partedArray(changes, CHANGE_RECORD, isWhole),
      recordArray(moves.flatMap(({ entries }) => entries)),
      ...(additions.length > 0 ? [partedArray(additions, ADDITION_RECORD, isWhole)] : []),
    ],
    ...namedJoin(`nest_saga_apply${variant}`, moves),
  };
}

/** What only some moves have, and later parts ask for. */
const SELDOM_ASKED =
  ', m.grace_ms, coalesce(m.timed_out, false) AS timed_out, m.patch, m.next_direction, m.next_step, m.next_round, m.next_neighbours';

/** Where a lease is taken away: nobody has renewed it since that was decided. */
const STILL_OVER = `AND (c.grace_ms IS NULL OR o.state <> 'running' OR o.fence = coalesce(c.fence, 0)
                OR (o.timed_out = c.timed_out_before AND ${inMs('c.grace_ms', 'o.lease_until')} <= clock_timestamp()))`;

function addedOperations(s: string, isWhole: boolean): string {
  return `, added AS (
        ${newOperations(s, isWhole)}
          FROM ${besideSaga(unnestedParts(s, ADDITION_RECORD, isWhole, '$4'))} a
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
