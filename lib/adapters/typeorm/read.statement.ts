import { operationJson, sagaColumns, toSaga, type OperationRow, type SagaRow } from './rows';
import type { OperationRef } from '../../core/operation';
import type { Basis } from '../../ports/saga-store';
import type { PlanShelf } from './plan.shelf';
import type { Sql, Statement } from './sql';

type WholeSagaRow = SagaRow & { readonly operations: readonly OperationRow[] };

/** A saga with all its operations, as one instant shows them. */
function readStatement(schema: string, sagaId: string): Statement {
  return {
    name: 'nest_saga_read',
    text: `SELECT ${sagaColumns('s')}, ${wholeOperations(schema, 's.id')} AS operations
             FROM "${schema}".sagas s WHERE s.id = $1`,
    values: [sagaId],
  };
}

/** In an order that does not depend on which of them changed last. */
export function wholeOperations(schema: string, sagaId: string): string {
  return `coalesce((SELECT json_agg(${operationJson('o')} ORDER BY o.direction, o.step, o.round)
            FROM "${schema}".operations o WHERE o.saga_id = ${sagaId}), '[]'::json)`;
}

/**
 * A saga with one operation and those that wait for it, which is enough for most events. Where many branches of a saga move it on, each
 * report is decided again: if each read all of it, ten times the branches would cost a hundred times as much.
 */
function readPartStatement(schema: string, sagaId: string, { direction, step, round }: OperationRef): Statement {
  const s = `"${schema}"`;
  return {
    name: 'nest_saga_read_part',
    text: `SELECT ${sagaColumns('s')}, coalesce((
             SELECT json_agg(${operationJson('part')}) FROM (
               SELECT o.* FROM ${s}.operations o WHERE o.saga_id = $1 AND o.direction = $2 AND o.step = $3 AND o.round = $4
               UNION ALL
               SELECT d.* FROM ${s}.operations o CROSS JOIN LATERAL (${neighboursOf(s, 'o')}) d
                WHERE o.saga_id = $1 AND o.direction = $2 AND o.step = $3 AND o.round = $4
             ) part), '[]'::json) AS operations
             FROM ${s}.sagas s WHERE s.id = $1`,
    values: [sagaId, direction, step, round],
  };
}

/** Of an action its direct dependents, of an undo the one after it. */
function neighboursOf(s: string, operation: string): string {
  const of = (direction: string): string => `SELECT d.* FROM ${s}.operations d
                WHERE d.saga_id = ${operation}.saga_id AND d.direction = '${direction}' AND ${operation}.direction = '${direction}'`;
  return `${of('action')} AND d.step = ANY (${operation}.dependents) AND d.round = 1
                UNION ALL ${of('undo')} AND d.ord = ${operation}.ord + 1`;
}

/** What any event can be decided from, or what most events of an operation can; undefined when there is no such saga. */
export async function readBasis(
  sql: Sql,
  schema: string,
  plans: PlanShelf,
  sagaId: string,
  part: OperationRef | null = null,
): Promise<Basis | undefined> {
  const [row] = await sql.query<WholeSagaRow>(part === null ? readStatement(schema, sagaId) : readPartStatement(schema, sagaId, part));
  if (row === undefined) return undefined;
  return { plan: await plans.load(sql, row.plan_hash), saga: toSaga(row, row.operations, part === null) };
}
