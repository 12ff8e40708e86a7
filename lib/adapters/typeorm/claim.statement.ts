import type { Json, JsonObject } from '../../core/json';
import type { OperationRef } from '../../core/operation';
import type { Plan } from '../../core/plan';
import type { StoredReference } from '../../core/reference';
import type { Claim, ClaimRequest } from '../../ports/claim';
import { inputOf } from './inputs';
import { flagField, jsonField, record, textField } from './record-text';
import { recordArray, unnested, type RecordType } from './record-type';
import {
  goesTheWayOf,
  neighboursOf,
  operationJson,
  SAGA_COLUMNS,
  sagaColumns,
  toOperation,
  toSaga,
  type OperationRow,
  type SagaRow,
} from './rows';
import { delayMs, epochMs, inMs, namedJoin, type Statement } from './sql';

/**
 * Takes operations; several of one saga raise its `rev` by one each. The whole rule of `transition` is the WHERE of `seen`, judged by what
 * this statement's snapshot shows; a saga that has changed since is left alone by the `rev` of `locked` (a row lock reads the newest row,
 * while operations are still read from the older snapshot). What follows reads the RETURNING of the saga's update, never the lock. What
 * cannot be claimed, or is held by somebody else, is not among the answers, and delays nobody. Rows are changed where they were found: who
 * changes an operation that could be claimed changes its saga's row as well, and then that is not where it was. Locks are taken in the order
 * of ids.
 *
 * @param requests no two of the same operation
 */
export function claimStatement(schema: string, requests: readonly ClaimRequest[]): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM ${unnested(s, CLAIM_RECORD, '$1')} AS m
      ), seen AS MATERIALIZED (
        SELECT id, rev, place, direction, step, round, claim_id, worker, alone, lease_ms,
               row_number() OVER (PARTITION BY id ORDER BY direction, step, round) AS nth
          FROM (SELECT s.id, s.rev, o.ctid AS place, o.direction, o.step, o.round, m.claim_id, m.worker, m.alone, m.lease_ms, ${mayBeClaimed(s)} AS may
                  FROM m CROSS JOIN LATERAL (SELECT * FROM ${s}.sagas s WHERE s.id = m.saga_id OFFSET 0) s
                 CROSS JOIN LATERAL (SELECT o.ctid, o.* FROM ${s}.operations o
                   WHERE o.saga_id = m.saga_id AND o.direction = m.direction AND o.step = m.step AND o.round = m.round OFFSET 0) o
                OFFSET 0) judged
         WHERE may
      ), wanted AS MATERIALIZED (
        SELECT id, rev, max(nth) AS claims, min(lease_ms) AS lease_ms FROM seen GROUP BY id, rev
      ), locked AS MATERIALIZED (
        SELECT wanted.*, held.place FROM (SELECT * FROM wanted ORDER BY id) wanted CROSS JOIN LATERAL (
          SELECT s.ctid AS place FROM ${s}.sagas s WHERE s.id = wanted.id AND s.rev = wanted.rev FOR NO KEY UPDATE SKIP LOCKED) held
      ), saga AS (
        UPDATE ${s}.sagas s
           SET rev = s.rev + wanted.claims, updated_at = clock_timestamp(), wake_at = least(s.wake_at, ${inMs('wanted.lease_ms')})
          FROM locked wanted WHERE s.ctid = wanted.place
        RETURNING ${SAGA_COLUMNS.map((column) => `s.${column}`).join(', ')}, s.created_at, s.rev - wanted.claims AS rev_before
      ), op AS (
        UPDATE ${s}.operations o
           SET state = 'running', fence = o.fence + 1, claim_id = t.claim_id, worker = t.worker, claims = o.claims + 1,
               ord = CASE WHEN o.direction = 'action' AND o.ord = 0 THEN t.rev_before + t.nth ELSE o.ord END,
               timed_out = false, heard = CASE WHEN o.heard ->> 'kind' = 'failed' AND NOT o.verifying THEN NULL ELSE o.heard END,
               alone = coalesce(t.alone, false) AND o.losses >= 2, first_at = CASE WHEN o.claims = 0 THEN clock_timestamp() ELSE o.first_at END,
               lease_until = ${inMs('t.lease_ms')}, due_at = NULL, send_at = NULL, resends = 0
          FROM (SELECT saga.*, seen.place, seen.claim_id, seen.worker, seen.alone, seen.lease_ms, seen.nth
                  FROM saga FULL JOIN seen ON seen.id = saga.id OFFSET 0) t
         WHERE t.id IS NOT NULL AND o.ctid = t.place
        RETURNING ${claimedColumns('t', 'o')}, t.rev_before + t.nth AS claim_rev
      ), record AS (
        INSERT INTO ${s}.history (saga_id, rev, kind, state, step, direction, round, fence, attempt, error)
        SELECT saga_id, claim_rev, 'claim', state, step, direction, round, fence, attempt, error FROM op
      )
      ${claimed(s)}`,
    values: [recordArray(requests.map(claimText))],
    ...namedJoin('nest_saga_claim', requests),
  };
}

/** A claim as a statement gets it. */
export const CLAIM_RECORD: RecordType = {
  name: 'claim_record',
  fields: `saga_id text, direction text, step int, round int, claim_id text, worker text, lease_ms float8, plan_format int, max_losses int,
    can_verify boolean, alone boolean, conditions jsonb`,
};

function claimText(request: ClaimRequest): string {
  const { sagaId, operation, claimId, worker, leaseMs, planFormat, conditions } = request;
  const { canVerify = true, maxLosses = MOST_LOSSES, alone = false } = request;
  let text = `${textField(sagaId)},${operation.direction},${operation.step},${operation.round}${textField(claimId)}${textField(worker)}`;
  text += `,${delayMs(leaseMs)},${planFormat},${Math.min(maxLosses, MOST_LOSSES)}`;
  return record(text + flagField(canVerify) + flagField(alone) + jsonField(conditions));
}

/** The rule of `transition` for the claim `m`, in the words of SQL. */
function mayBeClaimed(s: string): string {
  return `s.plan_format <= m.plan_format
           AND ${goesTheWayOf('s', 'o')}
           AND (o.state = 'started' OR (o.state = 'retrying' AND o.due_at <= clock_timestamp()))
           AND NOT s.paused AND (${NO_ACTION} OR NOT ${isPaused(s, 'o')})
           AND (${NO_ACTION} OR ${DEADLINE_DEALT_WITH} OR NOT ${PAST_DEADLINE})
           AND (NOT o.verifying OR m.can_verify IS TRUE)
           AND (o.condition IS NULL OR m.conditions IS NULL OR jsonb_exists(m.conditions, o.condition))
           AND o.losses <= m.max_losses
           AND o.claims - o.losses < o.attempt_limit AND o.blamed < o.loss_limit`;
}

/** The same answer for a claim that may have been taken already: the connection broke before PostgreSQL's answer came. */
export function claimedStatement(schema: string, request: Pick<ClaimRequest, 'sagaId' | 'operation' | 'claimId'>): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH op AS MATERIALIZED (
        SELECT ${claimedColumns('s', 'o')}
          FROM (SELECT * FROM ${s}.operations
                 WHERE saga_id = $1 AND direction = $2 AND step = $3 AND round = $4 AND claim_id = $5 AND state = 'running') o
          JOIN ${s}.sagas s ON s.id = $1)
      ${claimed(s)}`,
    values: [...identity(request.sagaId, request.operation), request.claimId],
  };
}

/** What a refusal can be explained from: the saga and this one operation, if it exists. */
export function refusedStatement(schema: string, sagaId: string, operation: OperationRef): Statement {
  const s = `"${schema}"`;
  return {
    name: 'nest_saga_refused',
    isJoined: true,
    text: `SELECT ${sagaColumns('s')}, s.plan_format, ${operationJson('o')} AS operation, o.saga_id IS NOT NULL AS is_known,
             coalesce(o.due_at <= clock_timestamp(), false) AS is_due, ${PAST_DEADLINE} AS is_past_deadline,
             ${isPaused(s, 'o')} AS is_action_paused
        FROM ${s}.sagas s
        LEFT JOIN ${s}.operations o ON o.saga_id = s.id AND o.direction = $2 AND o.step = $3 AND o.round = $4
       WHERE s.id = $1`,
    values: identity(sagaId, operation),
  };
}

export interface RefusedRow extends SagaRow {
  readonly plan_format: number;
  readonly operation: OperationRow;
  readonly is_known: boolean;
  readonly is_due: boolean;
  readonly is_past_deadline: boolean;
  readonly is_action_paused: boolean;
}

const NO_ACTION = `(o.direction <> 'action' OR o.verifying)`;
const PAST_DEADLINE = `coalesce(s.deadline_at <= clock_timestamp(), false)`;
/** The rule of the same name in the core. */
const DEADLINE_DEALT_WITH = `(s.past_pivot OR s.turning IS NOT NULL)`;
const MOST_LOSSES = 2_147_483_647;

/** Somebody paused this action everywhere. */
export function isPaused(s: string, operation: string): string {
  return `EXISTS (SELECT FROM ${s}.pauses paused_now WHERE paused_now.key = ${operation}.key AND paused_now.resumed_at IS NULL)`;
}

function identity(sagaId: string, { direction, step, round }: OperationRef): readonly unknown[] {
  return [sagaId, direction, step, round];
}

/** What `claimed` and its history need of a saga and its operation, all in one row: nothing has to be put together again. */
function claimedColumns(saga: string, operation: string): string {
  const o = operation;
  const columns = ['saga_id', 'direction', 'step', 'round', 'fence', 'error', 'claim_id', 'first_at', 'action_outcome', 'dependents'];
  return `${sagaColumns(saga)}, ${columns.map((column) => `${o}.${column}`).join(', ')}, ${o}.claims - ${o}.losses AS attempt, ${operationJson(o)} AS operation`;
}

/** What a worker needs, and what its report will be decided from. */
function claimed(s: string): string {
  return `SELECT ${[...SAGA_COLUMNS, 'created_at', 'claim_id', 'operation'].map((column) => `op.${column}`).join(', ')},
        greatest(0, ${epochMs('clock_timestamp()')} - ${epochMs('op.first_at')}) AS elapsed, i.step_id, i.input, i.refs, given.input AS given, laid.input AS laid,
        (SELECT json_object_agg(a.step, a.output) FROM ${s}.operations a
          WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.round = 1 AND a.state = 'completed' AND a.output IS NOT NULL
            AND a.step = ANY (ARRAY(SELECT (r.value ->> 'step')::int FROM jsonb_array_elements(i.refs) r))) AS outputs,
        CASE WHEN op.action_outcome = 'completed' THEN
          (SELECT a.output FROM ${s}.operations a
            WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.step = op.step AND a.round = 1) END AS action_output,
        ${neighboursOf(s, 'op')} AS neighbours
      FROM op
      CROSS JOIN LATERAL (SELECT * FROM ${s}.inputs g WHERE g.saga_id = op.saga_id AND g.step = -1 OFFSET 0) given
      CROSS JOIN LATERAL ${inputOf(s, 'given', 'op')} i
      LEFT JOIN LATERAL (SELECT * FROM ${s}.inputs l WHERE l.saga_id = op.saga_id AND l.step = -2 OFFSET 0) laid ON true`;
}

export interface ClaimRow extends SagaRow {
  readonly claim_id: string;
  readonly operation: OperationRow;
  readonly elapsed: number;
  readonly step_id: string;
  readonly input: Json;
  readonly refs: readonly StoredReference[];
  readonly given: { readonly context: Json; readonly metadata: Json };
  /** What `setContext()` has laid over the context. */
  readonly laid: JsonObject | null;
  readonly outputs: Readonly<Record<string, Json>> | null;
  readonly action_output: Json;
  readonly neighbours: readonly OperationRow[] | null;
}

export function toClaim(row: ClaimRow, plan: Plan, claimId: string): Claim {
  const operation = toOperation(row.operation);
  return {
    sagaId: row.id,
    claimId,
    operation,
    elapsedMs: row.elapsed,
    stepId: row.step_id,
    input: row.input,
    references: row.refs,
    outputs: new Map(Object.entries(row.outputs ?? {}).map(([step, output]) => [Number(step), output])),
    context: row.given.context,
    laidOver: row.laid,
    metadata: row.given.metadata,
    actionOutput: operation.actionOutcome === 'completed' ? row.action_output : undefined,
    createdAt: new Date(row.created_at),
    basis: { plan, saga: toSaga(row, [row.operation, ...(row.neighbours ?? [])], false) },
  };
}
