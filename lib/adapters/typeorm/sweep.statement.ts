import type { OperationRef, Wait } from '../../core/operation';
import type { DueWait, DueWakeUp, ExpiredLease, SweepRequest, SweepResult } from '../../ports/sweep';
import { isPaused } from './claim.statement';
import { delayMs, epochMs, inMs, wholeNumber, type Statement } from './sql';

/**
 * Finds what is due and pushes it back. Only a sweep moves `wake_at` later: to the earliest thing in the saga that is due after
 * this sweep, computed from the rows that the snapshot shows, with the new times of those that are pushed back (what a statement
 * writes, it cannot read). What is only reported, a lease or a deadline that is over, is found again after `resendMs`, in case
 * this process dies before it acts; a deadline that has become a wish to turn back is over. `rev` stays as it is, also when somebody
 * makes something due earlier meanwhile: a saga whose row
 * is another one than the snapshot's is left to the next sweep.
 *
 * Operations are reached by their saga, through LATERAL, and rows are changed where they were found: a plain join of a small set with a table
 * that has no statistics may read all of it. Nobody but a heartbeat changes them while their saga is locked, and it does not what is pushed back.
 * The clock is read once: an index is not asked for a time that changes from row to row.
 */
export function sweepStatement(schema: string, request: SweepRequest): Statement {
  const s = `"${schema}"`;
  const limit = wholeNumber(request.limit);
  return {
    text: `WITH clock AS MATERIALIZED (SELECT clock_timestamp() AS now),
      seen AS MATERIALIZED (
        SELECT s.id, s.xmin AS version FROM ${s}.sagas s
         WHERE s.wake_at <= (SELECT now FROM clock) ORDER BY s.wake_at LIMIT ${limit}
      ), locked AS MATERIALIZED (
        SELECT held.* FROM (SELECT * FROM seen ORDER BY id) seen CROSS JOIN LATERAL (
          SELECT s.ctid AS place, s.id, s.state, CASE WHEN s.turning IS NULL THEN s.deadline_at END AS deadline_at, s.paused FROM ${s}.sagas s
           WHERE s.id = seen.id AND s.xmin = seen.version
             FOR NO KEY UPDATE SKIP LOCKED) held
      ), found AS MATERIALIZED (
        SELECT o.*, ${SEND_AGAIN} AS again, ${LEASE_OVER} AS is_over
          FROM locked CROSS JOIN clock CROSS JOIN LATERAL (
            SELECT o.ctid AS place, o.saga_id, o.direction, o.step, o.round, o.key, o.state, o.fence, o.claim_id, o.due_at, o.send_at, o.resends, o.lease_until, o.first_at, o.wait
              FROM ${s}.operations o
             WHERE o.saga_id = locked.id AND (o.state = 'running' OR (o.state IN ('started', 'retrying', 'waiting') AND NOT locked.paused)) OFFSET 0) o
      ), pushed AS (
        UPDATE ${s}.operations o
           SET send_at = ${NEXT_LOOK}, resends = o.resends + 1
          FROM found f, clock
         WHERE f.again AND o.ctid = f.place
        RETURNING o.saga_id, o.direction, o.step, o.round, o.key, o.state, o.verifying, o.resends - 1 AS resends
      ), next AS MATERIALIZED (
        SELECT locked.place, least(
                 (SELECT min(CASE WHEN o.again THEN ${NEXT_LOOK}
                                  WHEN o.is_over THEN ${inMs('$2::float8', 'clock.now')}
                                  WHEN o.state = 'running' THEN ${inMs('$1::float8', 'o.lease_until')}
                                  ELSE o.send_at END)
                    FROM found o WHERE o.saga_id = locked.id),
                 CASE WHEN locked.state = 'started' AND NOT locked.paused THEN
                   CASE WHEN locked.deadline_at <= clock.now THEN ${inMs('$2::float8', 'clock.now')} ELSE locked.deadline_at END END
               ) AS wake_at
          FROM locked CROSS JOIN clock
      ), moved AS (
        UPDATE ${s}.sagas s SET wake_at = next.wake_at FROM next WHERE s.ctid = next.place
        RETURNING s.wake_at
      )
      SELECT
        coalesce((SELECT json_agg(json_build_array(p.saga_id, p.direction, p.step, p.round, p.key, p.resends)) FROM pushed p WHERE p.state <> 'waiting' AND (p.direction = 'undo' OR p.verifying OR NOT ${isPaused(s, 'p')})), '[]') AS wake_ups,
        coalesce((SELECT json_agg(json_build_array(f.saga_id, f.direction, f.step, f.round, f.fence, f.wait, coalesce(f.due_at <= clock.now, false),
                      greatest(0, ${epochMs('clock.now')} - ${epochMs('f.first_at')})))
                    FROM found f, clock WHERE f.state = 'waiting' AND f.again), '[]') AS waits,
        coalesce((SELECT json_agg(json_build_array(f.saga_id, f.direction, f.step, f.round, f.fence, f.claim_id,
                      greatest(0, ${epochMs('clock.now')} - ${epochMs('f.first_at')})))
                    FROM found f, clock WHERE f.is_over), '[]') AS expired,
        coalesce((SELECT json_agg(l.id) FROM locked l, clock WHERE l.state = 'started' AND NOT l.paused AND l.deadline_at <= clock.now), '[]') AS deadlines,
        (SELECT count(*) FROM seen) = ${limit} AS is_full,
        (SELECT count(*) FROM seen) > (SELECT count(*) FROM moved) AS is_partial,
        ${epochMs(
          `least((SELECT min(wake_at) FROM moved), (SELECT min(s.wake_at) FROM ${s}.sagas s WHERE s.wake_at > (SELECT now FROM clock)))`,
        )} AS next,
        ${epochMs('clock.now')} AS now
      FROM clock`,
    values: [delayMs(request.graceMs), delayMs(request.resendMs), delayMs(request.resendMaxMs)],
  };
}

/** A time that is missing by mistake counts as long past: nothing that may be claimed is ever forgotten. */
const SEND_AGAIN = `(CASE o.state WHEN 'running' THEN false WHEN 'waiting' THEN coalesce(o.send_at <= clock.now, false)
          ELSE coalesce(o.send_at, '-infinity') <= clock.now END)`;
const LEASE_OVER = `(o.state = 'running' AND coalesce(${inMs('$1::float8', 'o.lease_until')}, '-infinity') <= clock.now)`;
/** Doubling stops at 2^30: beyond that no delay is shorter than the longest one. */
const BACKOFF = `least($3::float8, $2::float8 * power(2, least(o.resends, 30))) * interval '1 millisecond'`;

/** The end of a wait is not missed for a later look; one that is over is looked at again soon, should nobody act on it. */
const NEXT_LOOK = `(CASE WHEN o.state = 'waiting' AND o.due_at > clock.now THEN least(o.due_at, clock.now + ${BACKOFF}) ELSE clock.now + ${BACKOFF} END)`;

export interface SweepRow {
  readonly wake_ups: readonly (readonly [sagaId: string, ...operation: OperationArray, key: string, resends: number])[];
  readonly expired: readonly (readonly [
    sagaId: string,
    ...operation: OperationArray,
    fence: number,
    claimId: string,
    elapsedMs: number | null,
  ])[];
  readonly waits: readonly (readonly [
    sagaId: string,
    ...operation: OperationArray,
    fence: number,
    wait: Wait,
    isOver: boolean,
    elapsedMs: number | null,
  ])[];
  readonly deadlines: readonly string[];
  readonly is_full: boolean;
  readonly is_partial: boolean;
  readonly next: number | null;
  readonly now: number;
}

type OperationArray = readonly [direction: OperationRef['direction'], step: number, round: number];

/** Sagas that somebody else holds at this moment are due all the same. */
const HELD_BY_OTHERS_MS = 250;

export function toSweepResult(row: SweepRow): SweepResult {
  return {
    wakeUps: row.wake_ups.map(([sagaId, direction, step, round, key, resends]): DueWakeUp => {
      return { sagaId, operation: { step, direction, round }, key, resends };
    }),
    expired: row.expired.map(([sagaId, direction, step, round, fence, claimId, elapsedMs]): ExpiredLease => {
      return { sagaId, operation: { step, direction, round }, fence, claimId, elapsedMs: elapsedMs ?? 0 };
    }),
    waits: row.waits.map(([sagaId, direction, step, round, fence, wait, isOver, elapsedMs]): DueWait => {
      return { sagaId, operation: { step, direction, round }, fence, wait, isOver, elapsedMs: elapsedMs ?? 0 };
    }),
    deadlines: row.deadlines,
    nextInMs: nextInMs(row),
  };
}

function nextInMs({ is_full: isFull, is_partial: isPartial, next, now }: SweepRow): number | null {
  if (isFull) return 0;
  const waiting = next === null ? null : Math.max(0, next - now);
  return isPartial ? Math.min(HELD_BY_OTHERS_MS, waiting ?? HELD_BY_OTHERS_MS) : waiting;
}
