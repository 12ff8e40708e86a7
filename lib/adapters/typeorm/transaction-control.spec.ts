import { describe, expect, it } from '@jest/globals';
import { transactionControlIn } from './transaction-control';

describe('transactionControlIn', () => {
  it.each([
    ['COMMIT', 'COMMIT'],
    ['  commit ;', 'COMMIT'],
    ['/* a /* nested */ comment */ -- and a line\n Rollback', 'ROLLBACK'],
    ['ROLLBACK WORK', 'ROLLBACK'],
    ['rollback and chain', 'ROLLBACK'],
    ['END', 'END'],
    ['abort', 'ABORT'],
    ['begin isolation level serializable', 'BEGIN'],
    ['START TRANSACTION', 'START TRANSACTION'],
    ["PREPARE TRANSACTION 'x'", 'PREPARE TRANSACTION'],
    ["INSERT INTO t VALUES ('a;b'); COMMIT; SELECT 1", 'COMMIT'],
    ["SELECT E'\\';'; COMMIT", 'COMMIT'],
    ['SELECT $a$ ; $b$ ; $a$; COMMIT', 'COMMIT'],
    ['SELECT 1;;COMMIT', 'COMMIT'],
    ['COMMIT/**/', 'COMMIT'],
  ])('finds it in %j', (sql, found) => {
    expect(transactionControlIn(sql)).toBe(found);
  });

  it.each([
    'SELECT 1',
    "INSERT INTO notes (text) VALUES ('first; COMMIT')",
    'SELECT "commit; rollback" FROM t; SELECT 2',
    'SELECT CASE WHEN a THEN 1 END FROM t',
    'DO $$ BEGIN PERFORM 1; END $$',
    "DO $body$ BEGIN RAISE NOTICE 'x'; COMMIT; END $body$",
    'SAVEPOINT a; ROLLBACK TO a; ROLLBACK WORK TO SAVEPOINT a; RELEASE SAVEPOINT a',
    '-- COMMIT\nSELECT 1',
    '/* ; COMMIT /* ; */ ; COMMIT */ SELECT 1',
    'PREPARE p AS SELECT 1',
    'UPDATE t SET commit = 1, "end" = 2',
    "SELECT 'never closed ; COMMIT",
    'SELECT $$ never closed ; COMMIT',
    'SELECT $1; SELECT $2::text',
    '',
  ])('finds nothing in %j', (sql) => {
    expect(transactionControlIn(sql)).toBeNull();
  });

  it.each(["'", '$', '/*', 'begin ', '"', 'a$', "E'a", 'x'])('reads a megabyte of %j in a moment', (part) => {
    const began = performance.now();
    transactionControlIn(`SELECT begin 'x', E'${part.repeat(1_000_000 / part.length)}\\`);
    transactionControlIn(`SELECT begin ${part.repeat(1_000_000 / part.length)}`);
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
