/**
 * Events that users publish, in the order of `seq`; a row is deleted when it was announced. Columns that Debezium's outbox router
 * knows have its names. A lease is a change of columns without an index, in a page with room for it.
 */
export function outboxTable(s: string, storage: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${s}.outbox (
      id            text        PRIMARY KEY,
      seq           bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
      aggregatetype text        NOT NULL,
      aggregateid   text        NOT NULL,
      type          text        NOT NULL,
      version       int         NOT NULL,
      payload       jsonb       NOT NULL,
      headers       jsonb       NOT NULL,
      payload_bytes int         NOT NULL,
      at            timestamptz NOT NULL DEFAULT clock_timestamp(),
      tries         int         NOT NULL DEFAULT 0,
      locked_until  timestamptz,
      locked_by     text
    ) WITH (fillfactor = 70, ${storage})`,
    `CREATE UNIQUE INDEX IF NOT EXISTS outbox_seq ON ${s}.outbox (seq)`,
  ];
}
