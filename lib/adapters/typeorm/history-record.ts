import { SagaInvariantError } from '../../errors';
import type { HistoryEntry, RecordEffect, SagaEffect } from '../../core/effect';

/** The one history row that a decision asks for, as the values of `HISTORY_COLUMNS`. */
export function historyEntryOf(effects: readonly SagaEffect[]): HistoryEntry {
  const [record, ...others] = effects.filter((effect): effect is RecordEffect => effect.type === 'record');
  if (record === undefined || others.length > 0) throw new SagaInvariantError('a decision asks for exactly one row of history');
  return record.entry;
}

/** An entry as a JSON parameter, and the type it is read with. */
export function historyParameter(entry: HistoryEntry): string {
  return JSON.stringify(entry);
}

export const HISTORY_RECORD = `(
  kind text, state text, step int, direction text, round int, fence bigint, attempt int, actor text, reason text, error jsonb)`;

export const HISTORY_COLUMNS = 'kind, state, step, direction, round, fence, attempt, actor, reason, error';
