import type { SagaState } from '../../core/saga-value';
import type { Statement } from './sql';

export interface DeleteRow {
  readonly state: SagaState;
  readonly deleted: boolean;
}

/** Removes a saga that has ended, and writes into its business key how it ended: the key outlives it. */
export function deleteStatement(schema: string, sagaId: string): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH locked AS MATERIALIZED (
        SELECT s.id, s.name, s.state FROM ${s}.sagas s
         WHERE s.id = $1 AND s.state IN ('completed', 'compensated', 'failed') FOR UPDATE SKIP LOCKED
      ), gone AS (
        DELETE FROM ${s}.sagas s USING locked WHERE s.id = locked.id RETURNING s.id, s.name, s.state
      ), kept AS (
        UPDATE ${s}.business_keys b SET final_state = gone.state
          FROM gone JOIN ${s}.inputs given ON given.saga_id = gone.id AND given.step = -1
         WHERE b.saga_name = gone.name AND b.key = given.input ->> 'businessKey' AND b.saga_id = gone.id
      ), inputs AS (
        DELETE FROM ${s}.inputs i USING gone WHERE i.saga_id = gone.id
      ), operations AS (
        DELETE FROM ${s}.operations o USING gone WHERE o.saga_id = gone.id
      ), history AS (
        DELETE FROM ${s}.history h USING gone WHERE h.saga_id = gone.id
      )
      SELECT s.state, EXISTS (SELECT FROM gone) AS deleted FROM ${s}.sagas s WHERE s.id = $1`,
    values: [sagaId],
  };
}
