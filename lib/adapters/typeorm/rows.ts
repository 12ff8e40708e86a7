import type { ActionOutcome, Direction, Heard, Operation, OperationState, StepFailure, Wait } from '../../core/operation';
import { operationKey, type OperationKey } from '../../core/operation';
import type { SagaParent, SagaState, SagaValue, TurnCause } from '../../core/saga-value';
import { epochMs } from './sql';

type OperationRow = readonly [
  step: number,
  direction: Direction,
  round: number,
  state: OperationState,
  waits: number,
  order: number,
  fence: number,
  claimId: string | null,
  claims: number,
  losses: number,
  blamed: number,
  hadUnknown: boolean,
  timedOut: boolean,
  actionOutcome: ActionOutcome | null,
  error: StepFailure | null,
  lateFence: number,
  alone: boolean,
  verifying: boolean,
  wait: Wait | null,
  heard: Heard | null,
  condition: string | null,
  releases: readonly number[] | null,
];

const COLUMNS: readonly string[] = [
  ...['step', 'direction', 'round', 'state', 'waits', 'ord', 'fence', 'claim_id', 'claims', 'losses', 'blamed'],
  ...['had_unknown', 'timed_out', 'action_outcome', 'error', 'late_fence', 'alone', 'verifying', 'wait', 'heard', 'condition'],
];

/** What a decision needs of an operation, as one JSON array: a saga and its operations are read by one statement, at one instant. */
export function operationJson(alias: string): string {
  // Of an action its plan says who depends on it.
  const releases = `CASE ${alias}.direction WHEN 'undo' THEN ${alias}.dependents END`;
  return `json_build_array(${[...COLUMNS.map((column) => `${alias}.${column}`), releases].join(', ')})`;
}

export type { OperationRow };

export function toOperation(row: OperationRow): Operation {
  const [
    step,
    direction,
    round,
    state,
    waits,
    order,
    fence,
    claimId,
    claims,
    losses,
    blamed,
    hadUnknown,
    timedOut,
    actionOutcome,
    error,
    lateFence,
    alone,
    verifying,
    wait,
    heard,
    condition,
    releases,
  ] = row;
  // One literal: made for each operation of each claim and read.
  return {
    step,
    direction,
    round,
    state,
    waits,
    order,
    fence,
    claimId,
    claims,
    losses,
    blamed,
    hadUnknown,
    timedOut,
    actionOutcome,
    error,
    lateFence,
    alone,
    verifying,
    wait,
    heard,
    condition,
    releases: releases ?? [],
    output: undefined,
  };
}

/** The columns of a saga that every read of one returns, but for the time when it was made. */
export const SAGA_COLUMNS: readonly string[] = [
  ...['id', 'name', 'state', 'rev', 'open_actions', 'open_undos', 'cause', 'attention', 'paused', 'plan_hash'],
  ...['past_pivot', 'turning', 'given_up', 'finished_by', 'parent'],
];

export function sagaColumns(alias: string): string {
  return [...SAGA_COLUMNS.map((column) => `${alias}.${column}`), `${epochMs(`${alias}.created_at`)} AS created_at`].join(', ');
}

export interface SagaRow {
  readonly id: string;
  readonly name: string;
  readonly state: SagaState;
  readonly rev: number;
  readonly open_actions: number;
  readonly open_undos: number;
  readonly cause: TurnCause | null;
  readonly attention: boolean;
  readonly paused: boolean;
  readonly past_pivot: boolean;
  readonly turning: TurnCause | null;
  readonly given_up: number;
  readonly finished_by: number | null;
  readonly parent: SagaParent | null;
  readonly plan_hash: string;
  readonly created_at: number;
}

export function toSaga(row: SagaRow, operations: readonly OperationRow[], whole: boolean): SagaValue {
  const byKey = new Map<OperationKey, Operation>();
  for (const operation of operations.map(toOperation)) byKey.set(operationKey(operation), operation);
  return {
    id: row.id,
    name: row.name,
    state: row.state,
    rev: row.rev,
    openActions: row.open_actions,
    openUndos: row.open_undos,
    cause: row.cause,
    attention: row.attention,
    paused: row.paused,
    pastPivot: row.past_pivot,
    turning: row.turning,
    givenUp: row.given_up,
    finishedBy: row.finished_by,
    parent: row.parent,
    operations: byKey,
    whole,
  };
}

/**
 * What the end of an operation is decided from besides itself: of an action its direct dependents, of an undo those that it releases and
 * the next round of its own. An array, so that the index finds exactly these.
 */
export function neighboursOf(s: string, operation: string): string {
  const op = operation;
  return `CASE ${op}.direction
          WHEN 'action' THEN (SELECT json_agg(${operationJson('d')}) FROM ${s}.operations d
            WHERE d.saga_id = ${op}.saga_id AND d.direction = 'action' AND d.step = ANY (${op}.dependents) AND d.round = 1)
          ELSE (SELECT json_agg(${operationJson('d')}) FROM ${s}.operations d
            WHERE d.saga_id = ${op}.saga_id AND d.direction = 'undo' AND d.step = ANY (${op}.dependents || ${op}.step)
              AND d.round = CASE WHEN d.step = ${op}.step THEN ${op}.round + 1 ELSE 1 END) END`;
}

/** The rule of the same name in the core: whether a saga still wants an operation. */
export function goesTheWayOf(saga: string, operation: string): string {
  return `CASE ${operation}.direction WHEN 'action' THEN ${saga}.state = 'started' OR (${operation}.verifying AND ${saga}.state IN ('compensating', 'stuck'))
    ELSE ${saga}.state = 'compensating' OR (${operation}.round > 1 AND ${saga}.state IN ('completed', 'compensated', 'failed')) END`;
}

/** The rule of the same name in the core: whether a worker that has an operation may go on with it. */
export function mayGoOn(saga: string, operation: string): string {
  return `(${goesTheWayOf(saga, operation)} OR (${operation}.direction = 'action' AND ${saga}.state = 'stuck'))`;
}
