import { delayMs, inMs, type Statement } from './sql';

/**
 * Lets sweeps leave a saga alone until something in it is due. They would come by in a moment to find that out, and their write of
 * the saga's row would cost a transaction above READ COMMITTED that has begun by then. The same rule as theirs, for the same reasons.
 */
export function restStatement(schema: string, sagaId: string, graceMs: number): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH seen AS MATERIALIZED (
        SELECT s.id, s.xmin AS version FROM ${s}.sagas s WHERE s.id = $1 AND s.wake_at IS NOT NULL
      ), locked AS MATERIALIZED (
        SELECT s.id FROM ${s}.sagas s JOIN seen ON seen.id = s.id WHERE s.xmin = seen.version FOR NO KEY UPDATE OF s SKIP LOCKED
      )
      UPDATE ${s}.sagas s
         SET wake_at = least(
               (SELECT min(CASE WHEN o.state = 'running' THEN ${inMs('$2::float8', 'o.lease_until')} WHEN o.state = 'waiting' THEN o.send_at ELSE coalesce(o.send_at, '-infinity') END)
                  FROM ${s}.operations o
                 WHERE o.saga_id = $1 AND (o.state = 'running' OR (o.state IN ('started', 'retrying', 'waiting') AND NOT s.paused))),
               CASE WHEN s.state = 'started' AND NOT s.paused THEN s.deadline_at END)
        FROM locked WHERE s.id = locked.id`,
    values: [sagaId, delayMs(graceMs)],
  };
}
