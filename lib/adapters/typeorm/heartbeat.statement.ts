import type { Heartbeat, HeartbeatResult } from '../../ports/report';
import { mayGoOn } from './rows';
import { delayMs, inMs, type Statement } from './sql';

/**
 * Extends many leases at once. Rows are locked in the order of their keys and a locked one is skipped, so that two sets never
 * wait for each other; a skipped row is judged by what the snapshot shows, and beaten again later. Each row is reached by its
 * whole key through LATERAL: on a table without statistics a plain join read all of it. `rev` stays as it is.
 */
export function heartbeatStatement(schema: string, beats: readonly Heartbeat[]): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH beat AS MATERIALIZED (
        SELECT * FROM unnest($1::int[], $2::text[], $3::text[], $4::int[], $5::int[], $6::bigint[], $7::text[], $8::float8[], $9::boolean[])
          AS b(place, saga_id, direction, step, round, fence, claim_id, lease_ms, timed_out)
         ORDER BY b.saga_id, b.direction, b.step, b.round
      ), locked AS MATERIALIZED (
        SELECT b.* FROM beat b CROSS JOIN LATERAL (
          SELECT 1 FROM ${s}.operations o
           WHERE o.saga_id = b.saga_id AND o.direction = b.direction AND o.step = b.step AND o.round = b.round AND ${HELD}
             FOR NO KEY UPDATE SKIP LOCKED) held
      ), beaten AS (
        UPDATE ${s}.operations o
           SET lease_until = CASE WHEN b.timed_out THEN clock_timestamp() ELSE ${inMs('b.lease_ms')} END, timed_out = b.timed_out
          FROM locked b
         WHERE o.saga_id = b.saga_id AND o.direction = b.direction AND o.step = b.step
           AND o.round = b.round AND ${HELD}
        RETURNING b.place
      )
      SELECT b.place, (beaten.place IS NOT NULL OR held.saga_id IS NOT NULL) AS held,
             coalesce(${mayGoOn('saga', 'held')}, false) AS wanted
        FROM beat b
        LEFT JOIN beaten ON beaten.place = b.place
        LEFT JOIN LATERAL (
          SELECT o.saga_id, o.direction, o.round, o.verifying FROM ${s}.operations o
           WHERE o.saga_id = b.saga_id AND o.direction = b.direction AND o.step = b.step AND o.round = b.round AND ${HELD} OFFSET 0) held ON true
        LEFT JOIN LATERAL (SELECT g.state FROM ${s}.sagas g WHERE g.id = b.saga_id OFFSET 0) saga ON true`,
    values: [
      ...[beats.map((_, place) => place), beats.map(({ sagaId }) => sagaId), beats.map(({ operation }) => operation.direction)],
      ...[beats.map(({ operation }) => operation.step), beats.map(({ operation }) => operation.round), beats.map(({ fence }) => fence)],
      ...[beats.map(({ claimId }) => claimId), beats.map(({ leaseMs }) => delayMs(leaseMs)), beats.map(({ timedOut }) => timedOut)],
    ],
  };
}

const HELD = `o.state = 'running' AND o.fence = b.fence AND o.claim_id = b.claim_id AND o.lease_until > clock_timestamp()`;

export interface HeartbeatRow extends HeartbeatResult {
  readonly place: number;
}

export function toHeartbeatResults(rows: readonly HeartbeatRow[], beats: readonly Heartbeat[]): readonly HeartbeatResult[] {
  const byPlace = new Map(rows.map((row) => [row.place, row]));
  return beats.map((_, place) => {
    const row = byPlace.get(place);
    const held = row?.held ?? false;
    return { held, wanted: held && (row?.wanted ?? false) };
  });
}

/** Makes the next sweep look at these sagas. */
export function wakeStatement(schema: string, sagaIds: readonly string[]): Statement {
  return {
    text: `UPDATE "${schema}".sagas SET wake_at = least(wake_at, clock_timestamp()) WHERE id = ANY ($1::text[]) AND completed_at IS NULL`,
    values: [sagaIds],
  };
}
