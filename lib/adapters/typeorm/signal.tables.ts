/** What sagas are told from outside, and the keys of the tokens by which steps are ended from outside. */
export function signalTables(s: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${s}.signals (
      saga_id   text        NOT NULL,
      signal_id text        NOT NULL CHECK (length(signal_id) <= 200),
      seq       bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
      name      text        NOT NULL,
      payload   jsonb       NOT NULL,
      at        timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (saga_id, signal_id)
    )`,
    `CREATE TABLE IF NOT EXISTS ${s}.secrets (
      id  int         PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
      key bytea       NOT NULL CHECK (octet_length(key) >= 32),
      at  timestamptz NOT NULL DEFAULT clock_timestamp()
    )`,
    `COMMENT ON TABLE ${s}.secrets IS 'keys of callback tokens: the newest one signs, all of them verify'`,
    // Random without an extension: a random UUID has 122 bits from the server's strong source.
    `INSERT INTO ${s}.secrets (key) SELECT sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8'))
      WHERE NOT EXISTS (SELECT FROM ${s}.secrets)`,
  ];
}
