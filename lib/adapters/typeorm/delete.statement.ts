import type { SagaState } from '../../core/saga-value';
import type { PurgeRequest } from '../../ports/saga-store';
import { delayMs, inMs, wholeNumber, type Statement } from './sql';

export interface DeleteRow {
  readonly state: SagaState;
  readonly attention: boolean;
  readonly deleted: boolean;
  /** The saga that has not ended and that this one is a part of, and its state. */
  readonly part_of: readonly [sagaId: string, state: SagaState] | null;
}

/** Removes a saga that has ended, and writes into its business key how it ended: the key outlives it. */
export function deleteStatement(schema: string, sagaId: string): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH locked AS MATERIALIZED (
        SELECT s.id FROM ${s}.sagas s
         WHERE s.id = $1 AND s.state IN ('completed', 'compensated', 'failed') AND NOT s.attention AND ${activeAbove(s)} IS NULL FOR UPDATE SKIP LOCKED
      ), ${removeLocked(s)}
      SELECT s.state, s.attention, EXISTS (SELECT FROM gone) AS deleted, ${activeAbove(s)} AS part_of FROM ${s}.sagas s WHERE s.id = $1`,
    values: [sagaId],
  };
}

export interface PurgeRow {
  readonly sagas: number;
  readonly messages: number;
}

/** Removes a batch of what is old enough; a row that somebody holds is left for the next batch. */
export function purgeStatement(schema: string, { finishedMs, quarantinedMs, limit }: PurgeRequest): Statement {
  const s = `"${schema}"`;
  const age = (ms: number | null): number | null => (ms === null ? null : -delayMs(ms));
  return {
    text: `WITH locked AS MATERIALIZED (
        SELECT s.id FROM ${s}.sagas s
         WHERE s.completed_at <= ${inMs('$1::float8')} AND s.state IN ('completed', 'compensated', 'failed') AND NOT s.attention
           AND ${activeAbove(s)} IS NULL
         ORDER BY s.completed_at LIMIT ${wholeNumber(limit)} FOR UPDATE SKIP LOCKED
      ), ${removeLocked(s)}, messages AS (
        DELETE FROM ${s}.quarantine q WHERE q.id = ANY (ARRAY(
          SELECT o.id FROM ${s}.quarantine o WHERE o.at <= ${inMs('$2::float8')} ORDER BY o.id LIMIT ${wholeNumber(limit)} FOR UPDATE SKIP LOCKED))
        RETURNING 1
      )
      SELECT (SELECT count(*)::int FROM gone) AS sagas, (SELECT count(*)::int FROM messages) AS messages`,
    values: [age(finishedMs), age(quarantinedMs)],
  };
}

/** Of the sagas that `s` is a part of, however deep, one that has not ended: it may still have to undo what `s` has done. */
function activeAbove(s: string): string {
  return `CASE WHEN s.parent IS NOT NULL THEN (
        WITH RECURSIVE above AS (
          SELECT p.id, p.state, p.attention, p.parent FROM ${s}.sagas p WHERE p.id = s.parent ->> 'sagaId'
          UNION ALL
          SELECT p.id, p.state, p.attention, p.parent FROM above JOIN ${s}.sagas p ON p.id = above.parent ->> 'sagaId'
        )
        SELECT json_build_array(above.id, above.state) FROM above
         WHERE above.attention OR above.state NOT IN ('completed', 'compensated', 'failed') LIMIT 1) END`;
}

/** By arrays of ids, not by joins: on tables that were never analysed a join may read them whole. */
function removeLocked(s: string): string {
  const ids = 'ANY (ARRAY(SELECT gone.id FROM gone))';
  return `gone AS (
        DELETE FROM ${s}.sagas s WHERE s.id = ANY (ARRAY(SELECT locked.id FROM locked)) RETURNING s.id, s.name, s.state
      ), kept AS (
        UPDATE ${s}.business_keys b SET final_state = gone.state
          FROM gone JOIN ${s}.inputs given ON given.saga_id = gone.id AND given.step = -1
         WHERE b.saga_name = gone.name AND b.key = given.input ->> 'businessKey' AND b.saga_id = gone.id
      ), inputs AS (
        DELETE FROM ${s}.inputs i WHERE i.saga_id = ${ids}
      ), operations AS (
        DELETE FROM ${s}.operations o WHERE o.saga_id = ${ids}
      ), history AS (
        DELETE FROM ${s}.history h WHERE h.saga_id = ${ids}
      ), signals AS (
        DELETE FROM ${s}.signals g WHERE g.saga_id = ${ids}
      )`;
}
