import { neighboursOf, operationJson, sagaColumns, toSaga, type OperationRow, type SagaRow } from './rows';
import type { OperationRef } from '../../core/operation';
import type { Basis } from '../../ports/claim';
import type { PlanShelf } from './plan.shelf';
import { namedFor, type Sql, type Statement } from './sql';

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

/** What any event can be decided from; undefined when there is no such saga. */
export async function readBasis(sql: Sql, schema: string, plans: PlanShelf, sagaId: string): Promise<Basis | undefined> {
  const [row] = await sql.query<WholeSagaRow>(readStatement(schema, sagaId));
  if (row === undefined) return undefined;
  return { plan: await plans.load(sql, row.plan_hash), saga: toSaga(row, row.operations, true) };
}

type PartOfSagaRow = SagaRow & { readonly operation: OperationRow; readonly neighbours: readonly OperationRow[] | null };

/**
 * What most events of these operations can be decided from: what their claims returned, as it is now. Branches of a wide saga meet at its
 * row all the time, and each would read a thousand operations to change two.
 */
export async function readParts(
  sql: Sql,
  schema: string,
  plans: PlanShelf,
  sagaId: string,
  of: readonly OperationRef[],
): Promise<Basis | undefined> {
  const s = `"${schema}"`;
  const rows = await sql.query<PartOfSagaRow>({
    text: `SELECT ${sagaColumns('s')}, ${operationJson('op')} AS operation, ${neighboursOf(s, 'op')} AS neighbours
             FROM ${s}.sagas s CROSS JOIN (SELECT DISTINCT * FROM unnest($2::text[], $3::int[], $4::int[])) AS m(direction, step, round)
            CROSS JOIN LATERAL (SELECT * FROM ${s}.operations o
              WHERE o.saga_id = $1 AND o.direction = m.direction AND o.step = m.step AND o.round = m.round OFFSET 0) op
            WHERE s.id = $1`,
    values: [sagaId, of.map(({ direction }) => direction), of.map(({ step }) => step), of.map(({ round }) => round)],
    ...namedFor('nest_saga_read_parts', of),
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const operations = rows.flatMap(({ operation, neighbours }) => [...(neighbours ?? []), operation]);
  return { plan: await plans.load(sql, row.plan_hash), saga: toSaga(row, operations, false) };
}
