import type { Json, JsonObject } from '../../core/json';
import type { StoredReference } from '../../core/reference';
import { inputOf } from './inputs';
import { neighboursOf, type OperationRow } from './rows';

/** What a chained claim needs; null when there is none, or this process knows all of it. */
export interface NextRow {
  readonly step_id: string | null;
  readonly input: Json;
  readonly refs: readonly StoredReference[] | null;
  /** Before this move. */
  readonly laid: JsonObject | null;
  readonly outputs: Readonly<Record<string, Json>> | null;
  readonly action_output: Json;
  /** Before this move. */
  readonly neighbours: readonly OperationRow[] | null;
}

/** What the claim chained to a move needs and this process does not know, beside the row `saga` of that move. */
export function nextColumns(s: string): string {
  return `next.* FROM saga LEFT JOIN LATERAL (
        SELECT i.step_id, i.input, i.refs, laid.input AS laid,
          (SELECT json_object_agg(a.step, a.output) FROM ${s}.operations a
            WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.round = 1 AND a.state = 'completed' AND a.output IS NOT NULL
              AND a.step = ANY (ARRAY(SELECT (r.value ->> 'step')::int FROM jsonb_array_elements(i.refs) r))) AS outputs,
          CASE op.direction WHEN 'undo' THEN
            (SELECT a.output FROM ${s}.operations a
              WHERE a.saga_id = op.saga_id AND a.direction = 'action' AND a.step = op.step AND a.round = 1) END AS action_output,
          ${neighboursOf(s, 'op')} AS neighbours
        FROM (SELECT saga.id AS saga_id, saga.next_direction AS direction, saga.next_step AS step, saga.next_round AS round,
                     saga.next_neighbours AS dependents WHERE saga.next_step IS NOT NULL) op
        CROSS JOIN LATERAL (SELECT * FROM ${s}.inputs g WHERE g.saga_id = op.saga_id AND g.step = -1 OFFSET 0) given
        CROSS JOIN LATERAL ${inputOf(s, 'given', 'op')} i
        LEFT JOIN LATERAL (SELECT * FROM ${s}.inputs l WHERE l.saga_id = op.saga_id AND l.step = -2 OFFSET 0) laid ON true) next ON true`;
}
