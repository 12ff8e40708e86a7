import { utf8Length, type Json } from '../../core/json';
import type { OutboxEvent, ReturnedEvent, StoredEvent, TakeEventsRequest } from '../../ports/outbox-event';
import { delayMs, epochMs, inMs, wholeNumber, type Statement } from './sql';

/** Repeated after an answer that got lost, it adds nothing. */
export function addEventStatement(schema: string, event: OutboxEvent): Statement {
  const { id, aggregate, key, type, version, headers } = event;
  const payload = JSON.stringify(event.payload);
  return {
    name: 'nest_saga_add_event',
    text: `INSERT INTO "${schema}".outbox (id, aggregatetype, aggregateid, type, version, payload, headers, payload_bytes)
           VALUES ($1, $2, $3, $4, $5, $6::jsonb, $7::jsonb, $8) ON CONFLICT (id) DO NOTHING`,
    values: [id, aggregate, key, type, version, payload, JSON.stringify(headers), utf8Length(payload)],
  };
}

/** What another relay holds at this moment is skipped; what it has just taken or dropped is seen so when its row is locked. */
export function takeEventsStatement(schema: string, { taker, limit, maxBytes, leaseMs }: TakeEventsRequest): Statement {
  const s = `"${schema}"`;
  return {
    name: `nest_saga_take_events_${limit}`,
    text: `WITH due AS MATERIALIZED (
        SELECT e.seq, e.payload_bytes FROM ${s}.outbox e
         WHERE coalesce(e.locked_until, '-infinity') <= clock_timestamp()
         ORDER BY e.seq LIMIT ${wholeNumber(limit)} FOR NO KEY UPDATE SKIP LOCKED
      ), batch AS (
        SELECT d.seq FROM (SELECT due.seq, sum(due.payload_bytes) OVER w AS bytes, row_number() OVER w AS place
                             FROM due WINDOW w AS (ORDER BY due.seq)) d
         WHERE d.bytes <= $1 OR d.place = 1
      ), taken AS (
        UPDATE ${s}.outbox e SET tries = e.tries + 1, locked_by = $2, locked_until = ${inMs('$3::float8')}
         WHERE e.seq = ANY (ARRAY(SELECT batch.seq FROM batch))
        RETURNING e.*
      )
      SELECT t.id, t.aggregatetype, t.aggregateid, t.type, t.version, t.payload, t.headers, t.tries, ${epochMs('t.at')} AS at
        FROM taken t ORDER BY t.seq`,
    values: [maxBytes, taker, delayMs(leaseMs)],
  };
}

export function dropEventsStatement(schema: string, ids: readonly string[]): Statement {
  return {
    name: 'nest_saga_drop_events',
    text: `DELETE FROM "${schema}".outbox WHERE id = ANY ($1::text[])`,
    values: [ids],
  };
}

export function returnEventsStatement(schema: string, taker: string, events: readonly ReturnedEvent[]): Statement {
  return {
    text: `UPDATE "${schema}".outbox e SET locked_by = NULL, locked_until = ${inMs('r.in_ms')}
             FROM unnest($2::text[], $3::float8[]) AS r (id, in_ms)
            WHERE e.id = ANY ($2::text[]) AND e.id = r.id AND e.locked_by = $1`,
    values: [taker, events.map(({ id }) => id), events.map(({ inMs: ms }) => delayMs(ms))],
  };
}

export interface EventRow {
  readonly id: string;
  readonly aggregatetype: string;
  readonly aggregateid: string;
  readonly type: string;
  readonly version: number;
  readonly payload: Json;
  readonly headers: Readonly<Record<string, string>>;
  readonly tries: number;
  readonly at: number;
}

export function toStoredEvent({ aggregatetype: aggregate, aggregateid: key, at, ...same }: EventRow): StoredEvent {
  return { aggregate, key, at: new Date(at), ...same };
}
