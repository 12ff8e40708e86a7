import type { HandlerName } from '../../ports/saga-store';
import type { Statement } from './sql';

const ACTIVE = `s.state IN ('started', 'compensating', 'stuck')`;
const OPEN = `o.state IN ('pending', 'started', 'running', 'retrying', 'waiting')`;

/**
 * What active sagas may still need, and is not offered. The plans of active sagas, by the partial index, are few against the sagas that
 * have ended; only for those that name something missing are sagas counted one by one. The steps of a child saga stand for the step
 * that runs it.
 */
export function missingHandlersStatement(schema: string, offered: readonly HandlerName[]): Statement {
  const s = `"${schema}"`;
  const action = `SELECT FROM ${s}.operations o WHERE o.saga_id = s.id AND o.direction = 'action' AND o.step = m.place AND o.round = 1`;
  return {
    text: `WITH RECURSIVE used AS MATERIALIZED (
        SELECT DISTINCT s.plan_hash FROM ${s}.sagas s WHERE ${ACTIVE}
      ), steps (hash, place, is_child, step) AS (
        SELECT p.hash, (e.ordinality - 1)::int, false, e.value
          FROM used JOIN ${s}.plans p ON p.hash = used.plan_hash
               CROSS JOIN LATERAL jsonb_array_elements(p.body -> 'steps') WITH ORDINALITY e
        UNION ALL
        SELECT t.hash, t.place, true, c.value FROM steps t CROSS JOIN LATERAL jsonb_array_elements(t.step -> 'child' -> 'steps') c(value)
      ), missing AS MATERIALIZED (
        SELECT DISTINCT t.hash, t.place, t.is_child, n.kind, n.key
          FROM steps t CROSS JOIN LATERAL (VALUES
               ('action', t.step ->> 'action'), ('undo', t.step ->> 'compensation'), ('condition', t.step ->> 'condition'),
               ('verify', CASE WHEN t.step ? 'verifyPolicy' THEN t.step ->> 'action' END)) n(kind, key)
         WHERE n.key IS NOT NULL AND (n.kind || ' ' || n.key) <> ALL ($1::text[])
      )
      SELECT m.kind, m.key, count(DISTINCT s.id)::int AS sagas
        FROM missing m JOIN ${s}.sagas s ON s.plan_hash = m.hash AND ${ACTIVE}
       WHERE CASE m.kind
         WHEN 'action' THEN s.state = 'started' AND EXISTS (${action} AND ${OPEN} AND NOT o.verifying)
         WHEN 'condition' THEN s.state = 'started' AND EXISTS (${action} AND ${OPEN} AND (m.is_child OR o.condition IS NOT NULL))
         WHEN 'verify' THEN EXISTS (${action} AND ${OPEN} AND (o.verifying OR s.state = 'started'))
         ELSE ((s.state = 'started' OR s.open_actions > 0) AND NOT s.past_pivot AND EXISTS (${action} AND o.state <> 'skipped'))
              OR EXISTS (SELECT FROM ${s}.operations o WHERE o.saga_id = s.id AND o.direction = 'undo' AND o.step = m.place
                           AND o.state NOT IN ('completed', 'skipped')) END
       GROUP BY m.kind, m.key ORDER BY m.kind COLLATE "C", m.key COLLATE "C"`,
    values: [offered.map(({ kind, key }) => `${kind} ${key}`)],
  };
}
