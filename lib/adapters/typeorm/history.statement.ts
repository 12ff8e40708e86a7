import type { Plan } from '../../core/plan';
import type { StoredHistoryEntry } from '../../ports/stored-saga';
import type { HistoryRecord } from './history-record';
import { epochMs, type Statement } from './sql';

interface HistoryRow extends Omit<StoredHistoryEntry, 'at' | 'step'> {
  readonly at: number;
  readonly step: number | null;
  readonly plan_hash: string;
}

export function historyStatement(schema: string, sagaId: string): Statement {
  return {
    text: `SELECT h.rev, ${epochMs('h.at')} AS at, h.kind, h.state, h.step, h.direction, h.round, h.fence, h.attempt, h.actor, h.reason, h.error,
                  s.plan_hash
             FROM "${schema}".history h JOIN "${schema}".sagas s ON s.id = h.saga_id WHERE h.saga_id = $1 ORDER BY h.rev`,
    values: [sagaId],
  };
}

export function toHistoryEntry({ plan_hash: _, ...row }: HistoryRow, plan: Plan): StoredHistoryEntry {
  return { ...row, at: new Date(row.at), step: row.step === null ? null : (plan.steps[row.step]?.name ?? null) };
}

export type { HistoryRow };

/** Whether this entry is the one at `rev`. A report names its claim by the fence, and a claim has one worker. */
export function wasAppliedStatement(schema: string, sagaId: string, { rev, entry }: HistoryRecord): Statement {
  return {
    text: `SELECT 1 FROM "${schema}".history
            WHERE saga_id = $1 AND rev = $2 AND kind = $3 AND state = $4 AND step IS NOT DISTINCT FROM $5::int
              AND direction IS NOT DISTINCT FROM $6::text AND round IS NOT DISTINCT FROM $7::int AND fence IS NOT DISTINCT FROM $8::bigint
              AND actor IS NOT DISTINCT FROM $9::text AND reason IS NOT DISTINCT FROM $10::text`,
    values: [sagaId, rev, entry.kind, entry.state, entry.step, entry.direction, entry.round, entry.fence, entry.actor, entry.reason],
  };
}
