import { CLAIM_RECORD } from './claim.statement';
import { HISTORY_RECORD } from './history-record';
import { INPUT_RECORD } from './inputs';
import { MOVE_RECORD } from './move';
import { ADDITION_RECORD, CHANGE_RECORD } from './operation-record';
import { outboxTable } from './outbox.table';
import type { RecordType } from './record-type';
import { signalTables } from './signal.tables';
import { START_RECORD } from './start.statement';

/**
 * Version 1 of the tables. Every statement may run twice.
 *
 * No foreign keys: their share locks would meet every write of the saga row. No index on a column of `operations` that changes:
 * one partial index on the state took HOT updates from 398 of 400 to none. Free space in each page keeps the versions of a row
 * together, and vacuum comes early because most rows change several times within a second.
 */
export function schemaVersion1(schema: string): readonly string[] {
  const s = `"${schema}"`;
  const hot = `fillfactor = 45, ${VACUUM_EARLY}`;
  return [
    `CREATE TABLE IF NOT EXISTS ${s}.sagas (
      id           text        PRIMARY KEY CHECK (length(id) <= 64),
      seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
      name         text        NOT NULL,
      state        text        NOT NULL CHECK (state IN ('started', 'completed', 'compensating', 'compensated', 'failed', 'stuck')),
      rev          bigint      NOT NULL,
      plan_hash    text        NOT NULL,
      plan_format  smallint    NOT NULL,
      open_actions int         NOT NULL,
      open_undos   int         NOT NULL,
      cause        jsonb,
      attention    boolean     NOT NULL DEFAULT false,
      paused       boolean     NOT NULL DEFAULT false,
      past_pivot   boolean     NOT NULL DEFAULT false,
      turning      jsonb,
      given_up     int         NOT NULL DEFAULT 0,
      finished_by  int,
      parent       jsonb,
      deadline_at  timestamptz,
      wake_at      timestamptz,
      created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
      updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
      completed_at timestamptz
    ) WITH (${hot})`,
    // wake_at is a lower bound, so most updates leave it as it is and stay HOT.
    `CREATE INDEX IF NOT EXISTS sagas_wake_at ON ${s}.sagas (wake_at) WHERE wake_at IS NOT NULL`,
    `CREATE UNIQUE INDEX IF NOT EXISTS sagas_seq ON ${s}.sagas (seq)`,
    // A list of active sagas must not read a million ended ones. The predicate makes an update non-HOT only when the state changes:
    // once or twice a saga, and the last time wake_at changes as well.
    `CREATE INDEX IF NOT EXISTS sagas_active ON ${s}.sagas (seq) WHERE state IN ('started', 'compensating', 'stuck')`,

    `CREATE INDEX IF NOT EXISTS sagas_attention ON ${s}.sagas (seq) WHERE attention`,
    // The sagas of one parent. parent is set once, at start.
    `CREATE INDEX IF NOT EXISTS sagas_parent ON ${s}.sagas ((parent ->> 'sagaId'), seq) WHERE parent IS NOT NULL`,
    // For the purge. completed_at is set once, by the update that ends the saga.
    `CREATE INDEX IF NOT EXISTS sagas_completed_at ON ${s}.sagas (completed_at) WHERE completed_at IS NOT NULL`,

    `CREATE TABLE IF NOT EXISTS ${s}.inputs (
      saga_id text  NOT NULL,
      step    int   NOT NULL,
      step_id text,
      input   jsonb NOT NULL,
      refs    jsonb NOT NULL,
      steps   jsonb,
      PRIMARY KEY (saga_id, step)
    ) WITH (${VACUUM_EARLY})`,
    `COMMENT ON COLUMN ${s}.inputs.step IS 'place in the plan; -1 holds what the saga itself was given (context, metadata, businessKey), -2 what setContext() has laid over its context'`,
    `COMMENT ON COLUMN ${s}.inputs.steps IS 'in the row of -1: step_id, input and refs of each step, where they are short; NULL where each has a row'`,

    `CREATE TABLE IF NOT EXISTS ${s}.operations (
      saga_id        text        NOT NULL,
      direction      text        NOT NULL CHECK (direction IN ('action', 'undo')),
      step           int         NOT NULL,
      round          int         NOT NULL,
      key            text        NOT NULL,
      state          text        NOT NULL CHECK (state IN ('pending', 'started', 'running', 'retrying', 'waiting', 'completed', 'failed', 'unknown', 'skipped')),
      waits          int         NOT NULL,
      ord            bigint      NOT NULL,
      fence          bigint      NOT NULL,
      claim_id       text,
      worker         text,
      claims         int         NOT NULL,
      losses         int         NOT NULL,
      blamed         int         NOT NULL,
      attempt_limit  int         NOT NULL,
      loss_limit     int         NOT NULL,
      had_unknown    boolean     NOT NULL,
      timed_out      boolean     NOT NULL,
      alone          boolean     NOT NULL DEFAULT false,
      verifying      boolean     NOT NULL DEFAULT false,
      wait           jsonb,
      heard          jsonb,
      condition      text,
      action_outcome text,
      late_fence     bigint      NOT NULL DEFAULT 0,
      dependents     int[],
      first_at       timestamptz,
      due_at         timestamptz,
      send_at        timestamptz,
      resends        int         NOT NULL DEFAULT 0,
      lease_until    timestamptz,
      settled_at     timestamptz,
      output         jsonb,
      error          jsonb,
      PRIMARY KEY (saga_id, direction, step, round)
    ) WITH (${hot})`,

    `CREATE TABLE IF NOT EXISTS ${s}.plans (
      hash   text     PRIMARY KEY,
      format smallint NOT NULL,
      body   jsonb    NOT NULL
    )`,
    `CREATE TABLE IF NOT EXISTS ${s}.handlers (
      group_name  text        NOT NULL,
      direction   text        NOT NULL,
      key         text        NOT NULL,
      declaration jsonb       NOT NULL,
      last_seen   timestamptz NOT NULL,
      has_left    boolean     NOT NULL DEFAULT false,
      PRIMARY KEY (group_name, direction, key)
    )`,
    `CREATE TABLE IF NOT EXISTS ${s}.business_keys (
      saga_name   text NOT NULL,
      key         text NOT NULL,
      saga_id     text NOT NULL,
      fingerprint text NOT NULL,
      final_state text,
      PRIMARY KEY (saga_name, key)
    )`,
    `COMMENT ON COLUMN ${s}.business_keys.final_state IS 'the state in which the saga was deleted; NULL while its rows exist'`,
    `CREATE TABLE IF NOT EXISTS ${s}.history (
      saga_id   text        NOT NULL,
      rev       bigint      NOT NULL,
      at        timestamptz NOT NULL DEFAULT clock_timestamp(),
      kind      text        NOT NULL,
      state     text        NOT NULL,
      step      int,
      direction text,
      round     int,
      fence     bigint,
      attempt   int,
      actor     text,
      reason    text,
      error     jsonb,
      PRIMARY KEY (saga_id, rev)
    ) WITH (${VACUUM_EARLY})`,
    `CREATE TABLE IF NOT EXISTS ${s}.pauses (
      key            text        NOT NULL,
      at             timestamptz NOT NULL DEFAULT clock_timestamp(),
      reason         text,
      actor          text,
      resumed_at     timestamptz,
      resumed_reason text,
      resumed_by     text
    )`,
    `COMMENT ON TABLE ${s}.pauses IS 'actions that are claimed nowhere; the rows with resumed_at say what was paused before'`,
    `CREATE UNIQUE INDEX IF NOT EXISTS pauses_now ON ${s}.pauses (key) WHERE resumed_at IS NULL`,
    `CREATE TABLE IF NOT EXISTS ${s}.quarantine (
      id         bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
      at         timestamptz NOT NULL DEFAULT clock_timestamp(),
      source     text        NOT NULL,
      reason     text        NOT NULL,
      message_id text,
      body_head  bytea       NOT NULL CHECK (octet_length(body_head) <= 65536),
      body_size  bigint      NOT NULL
    )`,
    ...signalTables(s),
    ...outboxTable(s, VACUUM_EARLY),

    ...RECORD_TYPES.map((type) => recordType(schema, type)),

    // What no program may get wrong is guarded here too. The WHEN keeps the function off the hot path.
    `CREATE OR REPLACE FUNCTION ${s}.refuse_terminal_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'saga % is % for ever', OLD.id, OLD.state USING ERRCODE = '23514';
    END $$`,
    `CREATE OR REPLACE TRIGGER terminal_states_stay BEFORE UPDATE ON ${s}.sagas FOR EACH ROW
      WHEN (OLD.state IN ('completed', 'compensated', 'failed') AND NEW.state IS DISTINCT FROM OLD.state)
      EXECUTE FUNCTION ${s}.refuse_terminal_change()`,
    // A statement that changed fewer rows than it decided on must change none.
    `CREATE OR REPLACE FUNCTION ${s}.expect_rows(actual bigint, expected bigint) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
      IF actual IS DISTINCT FROM expected THEN
        RAISE EXCEPTION 'expected % rows, found %', expected, actual USING ERRCODE = 'SG001';
      END IF;
      RETURN true;
    END $$`,
  ];
}

/** What statements for many read their records as. Once released, one that changes is another type with another name. */
export const RECORD_TYPES: readonly RecordType[] = [
  START_RECORD,
  INPUT_RECORD,
  MOVE_RECORD.usual,
  MOVE_RECORD.whole,
  CHANGE_RECORD.usual,
  ADDITION_RECORD.usual,
  ADDITION_RECORD.whole,
  HISTORY_RECORD,
  CLAIM_RECORD,
];

function recordType(schema: string, { name, fields }: RecordType): string {
  const type = `"${schema}".${name}`;
  return `DO $$ BEGIN IF to_regtype('${type}') IS NULL THEN CREATE TYPE ${type} AS (${fields}); END IF; END $$`;
}

const VACUUM_EARLY =
  'autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 1, ' +
  'autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1';
