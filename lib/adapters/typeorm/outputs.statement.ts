import type { Json } from '../../core/json';
import type { Statement } from './sql';

/** What the actions of these steps have returned. One that came late to its effect has an output too, and it is none of those. */
export function outputsStatement(schema: string, sagaId: string, steps: readonly number[]): Statement {
  return {
    text: `SELECT a.step, a.output FROM "${schema}".operations a
            WHERE a.saga_id = $1 AND a.direction = 'action' AND a.step = ANY ($2::int[]) AND a.round = 1 AND a.state = 'completed'`,
    values: [sagaId, steps],
  };
}

export interface OutputRow {
  readonly step: number;
  readonly output: Json;
}
