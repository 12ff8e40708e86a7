import { SagaInvariantError } from '../../errors';
import type { HistoryEntry, SagaEffect } from '../../core/effect';
import { attemptsOf, operationKey, type Operation, type OperationKey } from '../../core/operation';
import type { SagaValue } from '../../core/saga-value';
import { jsonField, numberField, record, textField, wordField } from './record-text';
import { besideSaga, unnested, type RecordType } from './record-type';

export interface HistoryRecord {
  readonly rev: number;
  readonly entry: HistoryEntry;
}

/** The rows of history that a decision asks for: one for each of its events. */
export function historyEntriesOf(effects: readonly SagaEffect[]): readonly [HistoryEntry, ...HistoryEntry[]] {
  const entries: HistoryEntry[] = [];
  for (const effect of effects) if (effect.type === 'record') entries.push(effect.entry);
  if (entries.length === 0) throw new SagaInvariantError('a decision asks for a row of history');
  return entries as [HistoryEntry, ...HistoryEntry[]];
}

/** Each with its number. @param rev that of the saga after the last event */
export function historyRecords(effects: readonly SagaEffect[], rev: number): readonly [HistoryRecord, ...HistoryRecord[]] {
  const entries = historyEntriesOf(effects);
  const firstRev = rev - entries.length + 1;
  return entries.map((entry, place) => ({ rev: firstRev + place, entry })) as [HistoryRecord, ...HistoryRecord[]];
}

/** The history of a decision on its way into the database. */
export interface ToldHistory {
  /** By operation: what its own record says but for the number and the kind. */
  readonly within: ReadonlyMap<OperationKey, HistoryRecord>;
  /** What has a record of its own. */
  readonly apart: readonly string[];
}

/** @param isWritten whether a record of this operation goes into the same statement */
export function toldHistory(after: SagaValue, effects: readonly SagaEffect[], isWritten: IsWritten): ToldHistory {
  const within = new Map<OperationKey, HistoryRecord>();
  const apart: string[] = [];
  for (const event of historyRecords(effects, after.rev)) {
    const key = toldBy(event.entry, after, isWritten);
    if (key === null || within.has(key)) apart.push(historyText(after.id, event));
    else within.set(key, event);
  }
  return { within, apart };
}

type IsWritten = (operation: Operation, key: OperationKey) => boolean;

function toldBy(entry: HistoryEntry, after: SagaValue, isWritten: IsWritten): OperationKey | null {
  const { step, direction, round } = entry;
  if (step === null || direction === null || round === null || entry.state !== after.state) return null;
  const key = operationKey({ step, direction, round });
  const operation = after.operations.get(key);
  if (operation === undefined || entry.fence !== operation.fence || entry.attempt !== attemptsOf(operation)) return null;
  if (entry.error !== operation.error || entry.actor !== null || entry.reason !== null) return null;
  return isWritten(operation, key) ? key : null;
}

function historyText(sagaId: string, { rev, entry }: HistoryRecord): string {
  let text = `${textField(sagaId)},${rev},${entry.kind},${entry.state}${numberField(entry.step)}${wordField(entry.direction)}`;
  text += numberField(entry.round) + numberField(entry.fence) + numberField(entry.attempt);
  return record(text + textField(entry.actor) + textField(entry.reason) + jsonField(entry.error));
}

export const HISTORY_RECORD: RecordType = {
  name: 'history_record',
  fields: `saga_id text, rev bigint, kind text, state text, step int, direction text, round int, fence bigint, attempt int, actor text, reason text,
    error jsonb`,
};

/**
 * Writes the history of the sagas in the CTE `saga`.
 *
 * @param operations the CTE of the operations' records, beside their sagas
 * @param apart the parameter that has the others: `$3`
 * @param isWhole whether the records of operations have all fields
 */
export function historyInsert(s: string, operations: string, apart: string, isWhole: boolean): string {
  return `INSERT INTO ${s}.history (saga_id, rev, kind, state, step, direction, round, fence, attempt, actor, reason, error)
        SELECT o.saga_id, o.told_rev, o.told, o.saga_state, o.step, o.direction, o.round, coalesce(o.fence, 0), coalesce(o.claims, 0)${isWhole ? ' - coalesce(o.losses, 0)' : ''},
               NULL, NULL, ${isWhole ? 'o.error' : 'NULL::jsonb'}
          FROM ${operations} o WHERE o.told IS NOT NULL
        UNION ALL
        SELECT h.saga_id, h.rev, h.kind, h.state, h.step, h.direction, h.round, h.fence, h.attempt, h.actor, h.reason, h.error
          FROM ${besideSaga(unnested(s, HISTORY_RECORD, apart))} h`;
}
