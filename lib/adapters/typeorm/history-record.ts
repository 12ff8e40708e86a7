import { SagaInvariantError } from '../../errors';
import type { HistoryEntry, RecordEffect, SagaEffect } from '../../core/effect';

/** The rows of history that a decision asks for: one for each of its events. */
export function historyEntriesOf(effects: readonly SagaEffect[]): readonly [HistoryEntry, ...HistoryEntry[]] {
  const [first, ...others] = effects.filter((effect): effect is RecordEffect => effect.type === 'record').map(({ entry }) => entry);
  if (first === undefined) throw new SagaInvariantError('a decision asks for a row of history');
  return [first, ...others];
}

/** As the values of `HISTORY_COLUMNS`. @param rev that of the saga after the last event */
export function historyRecords(effects: readonly SagaEffect[], rev: number): readonly [HistoryRecord, ...HistoryRecord[]] {
  const [first, ...others] = historyEntriesOf(effects);
  const firstRev = rev - others.length;
  return [{ ...first, rev: firstRev }, ...others.map((entry, place) => ({ ...entry, rev: firstRev + 1 + place }))];
}

/** As a statement gets them; what is null is left out. */
export function historyTexts(sagaId: string, effects: readonly SagaEffect[], rev: number): readonly string[] {
  return historyRecords(effects, rev).map((record) =>
    JSON.stringify({
      saga_id: sagaId,
      rev: record.rev,
      kind: record.kind,
      state: record.state,
      step: record.step ?? undefined,
      direction: record.direction ?? undefined,
      round: record.round ?? undefined,
      fence: record.fence ?? undefined,
      attempt: record.attempt ?? undefined,
      actor: record.actor ?? undefined,
      reason: record.reason ?? undefined,
      error: record.error ?? undefined,
    }),
  );
}

export interface HistoryRecord extends HistoryEntry {
  readonly rev: number;
}

export const HISTORY_RECORD = `(
  saga_id text, rev bigint, kind text, state text, step int, direction text, round int, fence bigint, attempt int, actor text, reason text, error jsonb)`;

export const HISTORY_COLUMNS = 'rev, kind, state, step, direction, round, fence, attempt, actor, reason, error';

/** Those columns of a record `h`. */
export const HISTORY_VALUES = HISTORY_COLUMNS.split(', ')
  .map((column) => `h.${column}`)
  .join(', ');
