import type { Json, JsonObject } from '../../core/json';
import { ACTIVE_STATES } from '../../core/saga-value';
import type { Plan } from '../../core/plan';
import type { SagaQuery } from '../../ports/saga-store';
import type { SagaGlance, StoredSaga, StoredStep } from '../../ports/stored-saga';
import type { StoredReference } from '../../core/reference';
import { inputsOf } from './inputs';
import { wholeOperations } from './read.statement';
import { sagaColumns, toSaga, type OperationRow, type SagaRow } from './rows';
import { epochMs, namedFor, namedJoin, oneOf, wholeNumber, type Statement } from './sql';

export interface StoredSagaRow extends SagaRow {
  readonly operations: readonly OperationRow[];
  readonly given: { readonly context: Json; readonly metadata: Json; readonly businessKey: string | null } | null;
  readonly laid: JsonObject | null;
  readonly steps: readonly (readonly [
    stepId: string,
    input: Json,
    output: Json,
    settledAt: number | null,
    references: readonly StoredReference[],
  ])[];
  readonly updated_at: number;
  readonly completed_at: number | null;
}

export function findStatement(schema: string, sagaIds: readonly string[]): Statement {
  return {
    text: `SELECT ${storedColumns(schema)} FROM "${schema}".sagas s WHERE s.id ${oneOf('$1', sagaIds)}`,
    values: [sagaIds],
    ...namedJoin('nest_saga_find', sagaIds),
  };
}

/** Newest first by `seq`: ids carry the clocks of applications. */
export function listStatement(schema: string, query: SagaQuery): Statement {
  const s = `"${schema}"`;
  const { states, name, attention, parent, before, limit } = query;
  const values: unknown[] = [];
  const given = (value: unknown): string => `$${values.push(value)}`;
  const conditions = [
    ...(states === undefined ? [] : [`s.state = ANY (${given(states)}::text[])`]),
    // Said in the index's own words, or the planner would not use it.
    ...(states?.every((state) => ACTIVE_STATES.includes(state)) === true ? [`s.state IN ('started', 'compensating', 'stuck')`] : []),
    ...(name === undefined ? [] : [`s.name = ${given(name)}`]),
    ...(attention === undefined ? [] : [attention ? 's.attention' : 'NOT s.attention']),
    ...(parent === undefined ? [] : [`s.parent IS NOT NULL AND s.parent ->> 'sagaId' = ${given(parent)}`]),
    ...(before === undefined ? [] : [`s.seq < (SELECT b.seq FROM ${s}.sagas b WHERE b.id = ${given(before)})`]),
  ];
  return {
    text: `SELECT ${storedColumns(schema)}
             FROM (SELECT * FROM ${s}.sagas s WHERE ${['true', ...conditions].join(' AND ')} ORDER BY s.seq DESC LIMIT ${wholeNumber(limit)}) s
            ORDER BY s.seq DESC`,
    values,
  };
}

export function statesStatement(schema: string, sagaIds: readonly string[]): Statement {
  return {
    text: `SELECT s.id, s.state FROM "${schema}".sagas s WHERE s.id ${oneOf('$1', sagaIds)}`,
    values: [sagaIds],
    ...namedFor('nest_saga_states', sagaIds),
  };
}

export interface GlanceRow extends SagaGlance {
  readonly id: string;
}

export function glanceStatement(schema: string, sagaIds: readonly string[]): Statement {
  return {
    text: `SELECT s.id, s.state, s.rev, s.open_actions AS "openActions", s.open_undos AS "openUndos", h.step
             FROM "${schema}".sagas s LEFT JOIN "${schema}".history h ON h.saga_id = s.id AND h.rev = s.rev
            WHERE s.id = ANY ($1::text[])`,
    values: [sagaIds],
  };
}

export function storedColumns(schema: string): string {
  const s = `"${schema}"`;
  return `${sagaColumns('s')}, ${epochMs('s.updated_at')} AS updated_at, ${epochMs('s.completed_at')} AS completed_at,
        ${wholeOperations(schema, 's.id')} AS operations,
        (SELECT g.input FROM ${s}.inputs g WHERE g.saga_id = s.id AND g.step = -1) AS given,
        (SELECT g.input FROM ${s}.inputs g WHERE g.saga_id = s.id AND g.step = -2) AS laid,
        coalesce((SELECT json_agg(json_build_array(i.step_id, i.input, a.output, ${epochMs('a.settled_at')}, i.refs) ORDER BY i.step)
           FROM ${inputsOf(s, 's.id')} i
           LEFT JOIN ${s}.operations a ON a.saga_id = s.id AND a.direction = 'action' AND a.step = i.step AND a.round = 1), '[]'::json) AS steps`;
}

/** A saga that lost rows is shown with what it has: one broken saga must not hide all the others from a list. */
export function toStoredSaga(row: StoredSagaRow, plan: Plan): StoredSaga {
  const { context = null, metadata = {}, businessKey = null } = row.given ?? {};
  return {
    plan,
    saga: toSaga(row, row.operations, true),
    context,
    laidOver: row.laid,
    metadata,
    businessKey,
    steps: row.steps.map(([stepId, input, output, settledAt, references]): StoredStep => {
      return { stepId, input, references, output, executedAt: settledAt === null ? null : new Date(settledAt) };
    }),
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    completedAt: row.completed_at === null ? null : new Date(row.completed_at),
  };
}
