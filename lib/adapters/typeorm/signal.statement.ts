import type { Json } from '../../core/json';
import type { SagaState } from '../../core/saga-value';
import type { SagaMessage, StoredSecret } from '../../ports/saga-signal';
import type { Statement } from './sql';

export interface AddedSignalRow {
  readonly state: SagaState;
  readonly is_new: boolean;
  readonly is_known: boolean;
}

/**
 * Repeated after an answer that got lost, it says that the signal is known. The share lock keeps the saga from being deleted before
 * the signal is committed, and from nothing else.
 */
export function addSignalStatement(schema: string, { sagaId, signalId, name, payload }: SagaMessage): Statement {
  const s = `"${schema}"`;
  return {
    text: `WITH saga AS MATERIALIZED (SELECT s.id, s.state FROM ${s}.sagas s WHERE s.id = $1 FOR KEY SHARE),
      added AS (
        INSERT INTO ${s}.signals (saga_id, signal_id, name, payload)
        SELECT saga.id, $2, $3, $4::jsonb FROM saga WHERE saga.state IN ('started', 'compensating', 'stuck')
        ON CONFLICT (saga_id, signal_id) DO NOTHING RETURNING 1
      )
      SELECT saga.state, EXISTS (SELECT FROM added) AS is_new,
             EXISTS (SELECT FROM ${s}.signals k WHERE k.saga_id = $1 AND k.signal_id = $2) AS is_known FROM saga`,
    values: [sagaId, signalId, name, JSON.stringify(payload)],
  };
}

export interface SignalRow {
  readonly signal_id: string;
  readonly payload: Json;
}

export function nextSignalStatement(schema: string, sagaId: string, name: string): Statement {
  const s = `"${schema}"`;
  return {
    name: 'nest_saga_next_signal',
    text: `SELECT g.signal_id, g.payload FROM ${s}.signals g
            WHERE g.saga_id = $1 AND g.name = $2
              AND NOT EXISTS (SELECT FROM ${s}.operations o WHERE o.saga_id = $1 AND o.wait ->> 'taken' = g.signal_id)
            ORDER BY g.seq LIMIT 1`,
    values: [sagaId, name],
  };
}

export interface SecretRow {
  readonly id: number;
  readonly key: string;
}

export function secretsStatement(schema: string): Statement {
  return { text: `SELECT k.id, encode(k.key, 'base64') AS key FROM "${schema}".secrets k ORDER BY k.id DESC`, values: [] };
}

export function toSecret({ id, key }: SecretRow): StoredSecret {
  return { id, key: Buffer.from(key, 'base64') };
}
