import type { Statement } from './sql';

/** So many sagas at a time: a batch holds their rows for a moment, and whoever reports meanwhile is refused and tries again. */
export const ROUSE_BATCH = 500;

/**
 * Makes what waits for these handlers due at once, in the next batch of active sagas after `seq`. Its wake-ups were pushed back while
 * nobody could claim it, by up to five minutes. What has a time of its own keeps it. `rev` stays as it is: this is bookkeeping of
 * dispatch.
 */
export function rouseStatement(schema: string, keys: readonly string[], seq: number): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH page AS MATERIALIZED (
        SELECT s.id, s.seq FROM ${s}.sagas s
         WHERE s.state IN ('started', 'compensating', 'stuck') AND s.seq > $2::bigint ORDER BY s.seq LIMIT ${ROUSE_BATCH}
      ), waiting AS MATERIALIZED (
        SELECT o.saga_id, o.direction, o.step, o.round FROM page CROSS JOIN LATERAL (
          SELECT o.saga_id, o.direction, o.step, o.round FROM ${s}.operations o
           WHERE o.saga_id = page.id AND (o.key = ANY ($1::text[]) OR o.condition = ANY ($1::text[])) AND o.state IN ('started', 'retrying') AND ${WAITS_LONGER} OFFSET 0) o
      ), locked AS MATERIALIZED (
        SELECT held.id FROM (SELECT DISTINCT saga_id FROM waiting ORDER BY saga_id) w CROSS JOIN LATERAL (
          SELECT s.id FROM ${s}.sagas s WHERE s.id = w.saga_id FOR NO KEY UPDATE SKIP LOCKED) held
      ), due AS (
        UPDATE ${s}.operations o SET send_at = greatest(clock_timestamp(), o.due_at), resends = 0
          FROM waiting w
         WHERE o.saga_id = ANY (ARRAY(SELECT id FROM locked)) AND o.saga_id = w.saga_id AND o.direction = w.direction AND o.step = w.step
           AND o.round = w.round AND o.state IN ('started', 'retrying') AND ${WAITS_LONGER}
      ), woken AS (
        UPDATE ${s}.sagas s SET wake_at = least(s.wake_at, clock_timestamp()) WHERE s.id = ANY (ARRAY(SELECT id FROM locked)) RETURNING 1
      )
      SELECT (SELECT max(seq) FROM page) AS last, (SELECT count(*) FROM page) = ${ROUSE_BATCH} AS is_full,
             (SELECT count(DISTINCT saga_id) FROM waiting) > (SELECT count(*) FROM woken) AS is_partial`,
    values: [keys, seq],
  };
}

const WAITS_LONGER = 'o.send_at > greatest(clock_timestamp(), o.due_at)';

export interface RouseRow {
  readonly last: number | null;
  readonly is_full: boolean;
  /** Somebody held a saga of this batch at that moment. */
  readonly is_partial: boolean;
}
