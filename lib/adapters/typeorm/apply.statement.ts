import type { ContextEffect, SagaEffect } from '../../core/effect';
import type { JsonObject } from '../../core/json';
import { isTerminal, type SagaValue } from '../../core/saga-value';
import type { Operation } from '../../core/operation';
import { HISTORY_COLUMNS, HISTORY_RECORD, historyEntryOf, historyParameter } from './history-record';
import { changedRecords, earliestMs, newRecords, OPERATION_RECORD, type Recording } from './operation-record';
import { delayMs, inMs, type Statement } from './sql';

/** A decision on its way into the database. */
export interface Move extends Recording {
  readonly before: SagaValue;
  readonly after: SagaValue;
  /** Taking a lease away: how long it must have been over. Heartbeats extend leases without raising `rev`. */
  readonly leaseGraceMs: number | null;
}

/**
 * Applies a decision if the saga is still the one that was decided on, and otherwise nothing: no row is answered. A row too few
 * raises SG001, which undoes the whole statement.
 */
export function applyStatement(schema: string, move: Move): Statement {
  const s = `"${schema}"`;
  const { before, after } = move;
  const { changed, added } = differences(before, after);
  const changes = changedRecords(changed, before.operations, move);
  const additions = newRecords(added, move);
  return {
    name: 'nest_saga_apply',
    text: `WITH locked AS MATERIALIZED (
        SELECT s.id FROM ${s}.sagas s WHERE s.id = $1 AND s.rev = $2 FOR NO KEY UPDATE SKIP LOCKED
      ), saga AS (
        UPDATE ${s}.sagas s
           SET rev = s.rev + 1, state = $3, open_actions = $4, open_undos = $5, cause = $6::jsonb, attention = $17, paused = $18,
               past_pivot = $19, turning = $20::jsonb, given_up = $21, finished_by = $22, updated_at = clock_timestamp(),
               wake_at = CASE WHEN $7 AND s.completed_at IS NULL THEN NULL ELSE least(s.wake_at, ${inMs('$8::float8')}) END,
               completed_at = CASE WHEN $7 THEN coalesce(s.completed_at, clock_timestamp()) END
          FROM locked WHERE s.id = locked.id
        RETURNING s.id, s.rev
      ), changed AS (
        ${updateOperations(s)}
        RETURNING 1
      ), added AS (
        ${insertOperations(s, 'saga.id', '$14::jsonb', 'saga')}
      ), record AS (
        INSERT INTO ${s}.history (saga_id, rev, ${HISTORY_COLUMNS})
        SELECT saga.id, saga.rev, h.* FROM saga, jsonb_to_record($15::jsonb) AS h${HISTORY_RECORD}
      )
      , overlay AS (
        ${layOver(s)}
      )
      SELECT saga.rev, ${s}.expect_rows((SELECT count(*) FROM changed), $16::bigint) AS complete FROM saga`,
    values: [
      ...[before.id, before.rev, after.state, after.openActions, after.openUndos, jsonOrNull(after.cause)],
      ...[isTerminal(after.state), wakesInMs(move)],
      ...[[...new Set(changed.map(({ direction }) => direction))], [...new Set(changed.map(({ step }) => step))]],
      ...[JSON.stringify(changes), move.leaseGraceMs === null ? null : delayMs(move.leaseGraceMs), timedOutBefore(move)],
      ...[JSON.stringify(additions), historyParameter(historyEntryOf(move.effects)), changed.length, after.attention, after.paused],
      ...[after.pastPivot, jsonOrNull(after.turning), after.givenUp, after.finishedBy, jsonOrNull(contextPatch(move.effects))],
    ],
  };
}

/** What a record `c` makes of an operation `o`. */
export const OPERATION_CHANGES = `state = c.state, waits = c.waits, ord = c.ord, fence = c.fence, claim_id = c.claim_id, claims = c.claims, losses = c.losses,
               blamed = c.blamed, attempt_limit = c.attempt_limit, loss_limit = c.loss_limit, alone = c.alone, verifying = c.verifying, wait = c.wait, heard = c.heard, condition = c.condition, had_unknown = c.had_unknown, timed_out = c.timed_out, late_fence = c.late_fence, error = c.error,
               output = CASE WHEN c.has_output THEN coalesce(c.output, 'null') ELSE o.output END,
               due_at = ${inMs('c.due_ms')}, send_at = ${inMs('c.send_ms')}, resends = 0,
               lease_until = CASE WHEN c.state = 'running' THEN o.lease_until END,
               worker = CASE WHEN c.state = 'running' THEN o.worker END,
               settled_at = CASE WHEN o.state = 'running' AND c.state <> 'running' THEN clock_timestamp() ELSE o.settled_at END`;

/** An operation made of a record `a`, after the id of its saga. */
export const NEW_OPERATIONS = {
  columns: `(saga_id, direction, step, round, key, state, waits, ord, fence, claim_id, claims, losses, blamed, attempt_limit, loss_limit,
           had_unknown, timed_out, alone, verifying, wait, heard, condition, late_fence, action_outcome, dependents, due_at, send_at, output, error)`,
  values: `a.direction, a.step, a.round, a.key, a.state, a.waits, a.ord, a.fence, a.claim_id, a.claims, a.losses, a.blamed,
               a.attempt_limit, a.loss_limit, a.had_unknown, a.timed_out, a.alone, a.verifying, a.wait, a.heard, a.condition, a.late_fence, a.action_outcome, a.dependents,
               ${inMs('a.due_ms')}, ${inMs('a.send_ms')}, CASE WHEN a.has_output THEN coalesce(a.output, 'null') END, a.error`,
};

/**
 * `direction` and `step` come as arrays as well, so that the index finds exactly the rows that change: by a join alone each
 * completion of a wide saga may read the whole saga.
 */
function updateOperations(s: string): string {
  return `UPDATE ${s}.operations o
           SET ${OPERATION_CHANGES}
          FROM saga, jsonb_to_recordset($11::jsonb) AS c${OPERATION_RECORD}
         WHERE o.saga_id = $1 AND o.saga_id = saga.id AND o.direction = ANY ($9::text[]) AND o.step = ANY ($10::int[])
           AND o.direction = c.direction AND o.step = c.step AND o.round = c.round AND o.fence = c.fence_before
           AND ($12::float8 IS NULL OR o.state <> 'running' OR o.fence = c.fence
                OR (o.timed_out = $13 AND ${inMs('$12::float8', 'o.lease_until')} <= clock_timestamp()))`;
}

/** What `setContext()` adds to the context that later handlers see; what was given at start stays as it is. */
function layOver(s: string): string {
  return `INSERT INTO ${s}.inputs AS laid (saga_id, step, input, refs)
        SELECT saga.id, -2, $23::jsonb, '[]' FROM saga WHERE $23::jsonb IS NOT NULL
        ON CONFLICT (saga_id, step) DO UPDATE SET input = laid.input || excluded.input`;
}

/** The operations of `parameter`, for the saga that `source` answers. */
export function insertOperations(s: string, sagaId: string, parameter: string, source: string): string {
  return `INSERT INTO ${s}.operations
          ${NEW_OPERATIONS.columns}
        SELECT ${sagaId}, ${NEW_OPERATIONS.values}
          FROM ${source}, jsonb_to_recordset(${parameter}) AS a${OPERATION_RECORD}`;
}

/** Until the next sweep has to look; whatever waited for a resume is looked at now. */
export function wakesInMs(move: Move): number | null {
  return move.before.paused && !move.after.paused ? 0 : earliestMs(move);
}

export function differences(
  before: SagaValue,
  after: SagaValue,
): { readonly changed: readonly Operation[]; readonly added: readonly Operation[] } {
  const changed: Operation[] = [];
  const added: Operation[] = [];
  for (const [key, operation] of after.operations) {
    const previous = before.operations.get(key);
    if (previous === undefined) added.push(operation);
    else if (previous !== operation) changed.push(operation);
  }
  return { changed, added };
}

export function contextPatch(effects: readonly SagaEffect[]): JsonObject | null {
  return effects.find((effect): effect is ContextEffect => effect.type === 'context')?.patch ?? null;
}

/** Whether the lease that is taken away was decided as a timeout: a last heartbeat may have said so after the read. */
export function timedOutBefore({ before, effects }: Move): boolean {
  const { step, direction, round } = historyEntryOf(effects);
  return before.operations.get(`${direction ?? 'action'}:${step ?? -1}:${round ?? 1}`)?.timedOut ?? false;
}

export function jsonOrNull(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value);
}
