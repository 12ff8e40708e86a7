import { chain } from '../../core/chain';
import type { SagaEffect } from '../../core/effect';
import { isTerminal, type SagaState, type SagaValue } from '../../core/saga-value';
import type { StartRequest } from '../../ports/saga-start';
import { linkOf, type Link } from './chain-link';
import { historyInsert, toldHistory } from './history-record';
import { INPUT_RECORD, inputRecords } from './inputs';
import { ADDITION_RECORD, earliestMs, newOperations, newRecords } from './operation-record';
import { countField, flagField, jsonField, numberField, record, textField } from './record-text';
import {
  besideSaga,
  lengthOf,
  partedArray,
  recordArray,
  saysMore,
  unnested,
  unnestedParts,
  type Parted,
  type RecordType,
} from './record-type';
import { delayMs, epochMs, inMs, namedJoin, type Statement } from './sql';

/** What is to be stored: a start, and maybe the claim that is chained to it. */
export interface PlannedStart {
  readonly request: StartRequest;
  readonly saga: SagaValue;
  readonly effects: readonly SagaEffect[];
  readonly link: Link | undefined;
}

export function plannedStart(request: StartRequest): PlannedStart {
  const { plan, saga, effects, chain: offer } = request;
  const chained = offer === undefined ? null : chain(plan, { kind: 'moved', saga, effects }, offer);
  if (offer === undefined || chained === null) return { request, saga, effects, link: undefined };
  return { request, saga: chained.saga, effects: chained.effects, link: linkOf(plan, chained, offer, true) };
}

/** A saga that starts, as a statement gets it. */
export const START_RECORD: RecordType = {
  name: 'start_record',
  fields: `id text, name text, state text, rev bigint, plan_hash text, plan_format smallint, open_actions int, open_undos int, cause jsonb,
    parent jsonb, ends boolean, deadline_ms float8, wake_ms float8, key text, fingerprint text, paused_by text`,
};

/** A start as records. */
export interface EncodedStart {
  readonly sagaId: string;
  readonly saga: string;
  readonly inputs: readonly string[];
  readonly operations: readonly Parted[];
  readonly entries: readonly string[];
  readonly isKeyed: boolean;
  readonly bytes: number;
}

export function encodedStart({ request, saga, effects, link }: PlannedStart): EncodedStart {
  const { sagaId, plan, resendMs, deadlineMs, businessKey } = request;
  const recording = { sagaId, plan, effects, resendMs, link };
  let text = `${textField(sagaId)}${textField(plan.name)},${saga.state},${saga.rev},${request.planHash},${plan.format}`;
  text += countField(saga.openActions) + countField(saga.openUndos) + jsonField(saga.cause) + jsonField(saga.parent);
  text += flagField(isTerminal(saga.state)) + numberField(deadlineMs === null ? null : delayMs(deadlineMs));
  text +=
    numberField(earliestMs(recording)) + textField(businessKey?.key) + textField(businessKey?.fingerprint) + textField(link?.pausedBy);
  const told = toldHistory(saga, effects, () => true);
  const inputs = inputRecords(request);
  const operations = newRecords([...saga.operations.values()], recording, told.within);
  const started = record(text);
  const bytes = started.length + lengthOf(inputs) + lengthOf(operations) + lengthOf(told.apart);
  return { sagaId, saga: started, inputs, operations, entries: told.apart, isKeyed: businessKey !== null, bytes };
}

export interface StartRow {
  readonly id: string;
  /** The lock on the key was free. */
  readonly got: boolean;
  /** The action whose claim was chained to the start is paused: nothing was done. */
  readonly paused: boolean;
  /** This statement started the saga. */
  readonly started: boolean;
  /** When, in milliseconds since 1970. A text, since in a caller's transaction it passes through the caller's parsers. */
  readonly created_at: string | null;
}

/** Who had the key before, as the statement's snapshot shows it; null when nobody had. */
export interface KeyedStartRow extends StartRow {
  readonly saga_id: string | null;
  readonly fingerprint: string | null;
  readonly state: SagaState | null;
  readonly purged: boolean | null;
}

/**
 * Starts sagas, no two of the same business key. The unique key decides; the lock only keeps this statement from waiting behind
 * somebody's open transaction, and a key that somebody else holds at this moment delays only its own saga. Answers are texts and booleans
 * alone, since in a caller's transaction they pass through the caller's parsers.
 */
export function startStatement(schema: string, starts: readonly EncodedStart[]): Statement {
  const s = `"${schema}"`;
  const isKeyed = starts.some((start) => start.isKeyed);
  const isWhole = starts.some(({ operations }) => operations.some(saysMore));
  return {
    text: `WITH m AS MATERIALIZED (
        SELECT * FROM ${unnested(s, START_RECORD, '$1')} AS m
      ), lock AS MATERIALIZED (
        SELECT m.id, p.paused, NOT p.paused AND ${isKeyed ? `(m.key IS NULL OR pg_try_advisory_xact_lock(${keyLock('$5::text', 'm.name', 'm.key')}))` : 'true'} AS got
          FROM m CROSS JOIN LATERAL (SELECT m.paused_by IS NOT NULL
            AND EXISTS (SELECT FROM ${s}.pauses p WHERE p.key = m.paused_by AND p.resumed_at IS NULL)
            AND NOT EXISTS (SELECT FROM ${s}.sagas before WHERE before.id = m.id) AS paused OFFSET 0) p
      )${isKeyed ? takenKeys(s) : ''}, saga AS (
        INSERT INTO ${s}.sagas (id, name, state, rev, plan_hash, plan_format, open_actions, open_undos, cause, parent, deadline_at, wake_at, completed_at)
        SELECT m.id, m.name, m.state, m.rev, m.plan_hash, m.plan_format, coalesce(m.open_actions, 0), coalesce(m.open_undos, 0), m.cause, m.parent,
               ${inMs('m.deadline_ms')}, least(${inMs('m.deadline_ms')}, ${inMs('m.wake_ms')}), CASE WHEN m.ends THEN clock_timestamp() END
          FROM m JOIN lock ON lock.id = m.id
         WHERE lock.got ${isKeyed ? 'AND (m.key IS NULL OR m.id IN (SELECT saga_id FROM keyed))' : ''}
        ON CONFLICT (id) DO NOTHING
        RETURNING id, state, created_at
      ), a AS MATERIALIZED (
        SELECT * FROM ${besideSaga(unnestedParts(s, ADDITION_RECORD, isWhole, '$3'))} a
      ), given AS (
        INSERT INTO ${s}.inputs (saga_id, step, step_id, input, refs, steps)
        SELECT i.saga_id, i.step, i.step_id, i.input, coalesce(i.refs, '[]'), i.steps
          FROM ${besideSaga(unnested(s, INPUT_RECORD, '$2'))} i
      ), operation AS (
        ${newOperations(s, isWhole)} FROM a
      ), record AS (
        ${historyInsert(s, 'a', '$4', isWhole)}
      )
      SELECT m.id, lock.got, lock.paused, begun.created_at IS NOT NULL AS started, ${epochMs('begun.created_at')}::text AS created_at
             ${isKeyed ? ', owner.*' : ''}
        FROM m JOIN lock ON lock.id = m.id
        LEFT JOIN saga begun ON begun.id = m.id
        ${isKeyed ? ownersOfKeys(s) : ''}`,
    values: [
      recordArray(starts.map(({ saga }) => saga)),
      recordArray(starts.flatMap(({ inputs }) => inputs)),
      partedArray(
        starts.flatMap(({ operations }) => operations),
        ADDITION_RECORD,
        isWhole,
      ),
      recordArray(starts.flatMap(({ entries }) => entries)),
      ...(isKeyed ? [schema] : []),
    ],
    ...namedJoin(`nest_saga_start${isKeyed ? '_keyed' : ''}${isWhole ? '_whole' : ''}`, starts),
  };
}

function takenKeys(s: string): string {
  return `, keyed AS (
        INSERT INTO ${s}.business_keys (saga_name, key, saga_id, fingerprint)
        SELECT m.name, m.key, m.id, m.fingerprint FROM m JOIN lock ON lock.id = m.id WHERE m.key IS NOT NULL AND lock.got
        ON CONFLICT (saga_name, key) DO NOTHING
        RETURNING saga_id
      )`;
}

/** Who had the key before, as the snapshot of the statement shows it. */
function ownersOfKeys(s: string): string {
  return `LEFT JOIN LATERAL (
          SELECT b.saga_id, b.fingerprint, coalesce(known.state, b.final_state) AS state, known.id IS NULL AS purged
            FROM (SELECT * FROM ${s}.business_keys b WHERE b.saga_name = m.name AND b.key = m.key OFFSET 0) b
            LEFT JOIN LATERAL (SELECT k.id, k.state FROM ${s}.sagas k WHERE k.id = b.saga_id OFFSET 0) known ON true) owner ON true`;
}

/** The lock on a business key, waited for. */
export function keyLockStatement(schema: string, request: StartRequest, key: string): Statement {
  return {
    text: `SELECT pg_advisory_xact_lock(${keyLock('$1::text', '$2::text', '$3::text')})::text AS locked`,
    values: [schema, request.plan.name, key],
  };
}

function keyLock(schema: string, name: string, key: string): string {
  return `hashtextextended(${schema} || chr(31) || ${name} || chr(31) || ${key}, 0)`;
}
