// Statements as reports show them: what is kept, what is not, and what cannot be read.
import { beforeAll, describe, expect, it } from 'vitest';
import { loadStatementParser, statementText } from '../../../src/guard/statement-text.ts';

function normalized(sql: string | Buffer, totalLength?: number): string {
  const bytes = Buffer.from(sql as string);
  return statementText(bytes.subarray(0, 1024), totalLength ?? bytes.length, 'normalized');
}

it('shows verb and length only until the parser is loaded, and does not keep that', async () => {
  expect(normalized("SELECT a FROM t WHERE b = 'x'")).toBe('SELECT … (29 bytes)');
  await loadStatementParser();
  expect(normalized("SELECT a FROM t WHERE b = 'x'")).toBe('SELECT a FROM t WHERE b = ?');
});

describe('with the parser', () => {
  beforeAll(() => loadStatementParser());

  it.each([
    [
      "select  id,\n\tname from Orders o -- why\nwhere o.a='x' and b = 5",
      'select id, name from Orders o where o.a=? and b = ?',
    ],
    ['/* first */ SELECT /* a /* nested */ b */ 1', 'SELECT ?'],
    ["INSERT INTO t (a, b) VALUES ($1, 'x'), ($2, E'y\\n')", 'INSERT INTO t (a, b) VALUES ($1, ?), ($2, ?)'],
    ['SELECT * FROM t WHERE id IN (1,2, 3)', 'SELECT * FROM t WHERE id IN (?, …)'],
    ['UPDATE "Order Lines" SET "a-b" = $$x$$', 'UPDATE "Order Lines" SET "a-b" = ?'],
    ["DELETE FROM s.t WHERE d < interval '1 day' AND e = 0x1F", 'DELETE FROM s.t WHERE d < interval ? AND e = ?'],
    ["SELECT U&'d\\0061t' UESCAPE '!', B'01', X'1F', 1.5e3", 'SELECT ? UESCAPE ?, …'],
    ["WITH x AS (SELECT 'a') SELECT * FROM x", 'WITH x AS (SELECT ?) SELECT * FROM x'],
    [
      "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = 'x'",
      'MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = ?',
    ],
    ["EXPLAIN ANALYZE SELECT 'x'", 'EXPLAIN ANALYZE SELECT ?'],
    ['SELECT größe FROM straße', 'SELECT größe FROM straße'],
    [';', '? (1 bytes)'],
    ['', ''],
  ])('keeps the words of a query and drops its values: %j', (sql, shown) => {
    expect(normalized(sql)).toBe(shown);
  });

  it.each([
    ["EXECUTE plan_1('x', 5)", 'EXECUTE plan_1'],
    ["PREPARE plan_1 (text) AS SELECT 'x'", 'PREPARE plan_1'],
    ["COPY orders FROM PROGRAM 'curl x'", 'COPY orders FROM'],
    ["COPY s.orders (a) TO '/x'", 'COPY s.orders TO'],
    ["COPY (SELECT 'x') TO STDOUT", 'COPY (query) TO'],
    ["DECLARE c CURSOR FOR SELECT 'x'", 'DECLARE c'],
    ['FETCH FORWARD 100 FROM c', 'FETCH c'],
    ["SET app.tenant = 'x'", 'SET app.tenant'],
    ['SET LOCAL password TO secret', 'SET LOCAL password'],
    ['SET TIME ZONE secret', 'SET timezone'],
    ['RESET ALL', 'RESET ALL'],
    ["ALTER SYSTEM SET password TO 'x'", 'ALTER SYSTEM SET password'],
    ['BEGIN', 'BEGIN'],
    ['begin isolation level serializable', 'BEGIN ISOLATION LEVEL SERIALIZABLE'],
    ['ROLLBACK TO SAVEPOINT a', 'ROLLBACK TO SAVEPOINT a'],
    ["PREPARE TRANSACTION 'x'", 'PREPARE TRANSACTION'],
    ["ALTER ROLE bob WITH PASSWORD 'x'", 'ALTER ROLE bob'],
    ['ALTER ROLE password SET password TO secret', 'ALTER ROLE'],
    ["CREATE USER bob PASSWORD 'x'", 'CREATE USER bob'],
    ["CREATE USER MAPPING FOR bob SERVER s OPTIONS (password 'x')", 'CREATE USER MAPPING FOR bob'],
    ["CREATE SUBSCRIPTION s CONNECTION 'password=x' PUBLICATION p", 'CREATE SUBSCRIPTION s'],
    ['DO LANGUAGE plpgsql $$ BEGIN END $$', 'DO'],
    ["NOTIFY ch, 'x'", 'NOTIFY ch'],
    ["CALL s.p('x')", 'CALL s.p'],
    ["COMMENT ON TABLE t IS 'x'", 'COMMENT ON TABLE t'],
    ["CREATE TABLE IF NOT EXISTS t (a text DEFAULT 'x')", 'CREATE TABLE IF NOT EXISTS t'],
    ["CREATE TABLE t AS SELECT 'x'", 'CREATE TABLE t'],
    ['TRUNCATE a, b', 'TRUNCATE a'],
  ])('shows any other statement by verb and name: %j', (sql, shown) => {
    expect(normalized(sql)).toBe(shown);
  });

  it('shows a text of several statements one by one', () => {
    expect(normalized("BEGIN; SELECT 'x'; EXECUTE p('y');")).toBe('BEGIN; SELECT ?; EXECUTE p');
  });

  it.each([
    ['SELEC hunter2', '? (13 bytes)'],
    ['hunter2', '? (7 bytes)'],
    ["SELECT 'it's hunter2", 'SELECT … (20 bytes)'],
    ['/* SELECT 1', '? (11 bytes)'],
    ['SELECT 1 FROM', 'SELECT … (13 bytes)'],
    ['SELECT 1\0', 'SELECT … (9 bytes)'],
    ['('.repeat(1024), '? (1024 bytes)'],
  ])('shows what does not parse by a known verb and its length: %j', (sql, shown) => {
    expect(normalized(sql)).toBe(shown);
  });

  it.each<string | Buffer>([
    "SELECT 'a\\', hunter2, '', 'b'",
    "SELECT ''hunter2",
    "SELECT 'a' hunter2",
    'SELECT "a = \' " FROM hunter2',
    Buffer.from("SELECT hunter2, '\xe9'", 'latin1'),
    "SELECT hunter2, E'\u3055\\'",
  ])('shows no words of a text that the server may read in another way: %j', (sql) => {
    expect(normalized(sql)).toMatch(/^SELECT … \(\d+ bytes\)$/);
  });

  it.each([
    ['INSERT INTO s.orders (a) VALUES ', 'INSERT INTO s.orders … (9000 bytes)'],
    ['update only orders set a = ', 'UPDATE orders … (9000 bytes)'],
    ['/* c */ DELETE FROM "Order Lines" WHERE a = ', 'DELETE FROM "Order Lines" … (9000 bytes)'],
    ['SELECT a, f(b, $1), extract(epoch from c) FROM orders WHERE a = ', 'SELECT … FROM orders … (9000 bytes)'],
    ["SELECT 'it's wrong' FROM hunter2 ", 'SELECT … (9000 bytes)'],
    ['SELECT a IS DISTINCT FROM hunter2 ', 'SELECT … (9000 bytes)'],
    ['SELECT a FROM (SELECT ', 'SELECT … (9000 bytes)'],
    ["COPY t FROM PROGRAM 'x", 'COPY … (9000 bytes)'],
    ["INSERT INTO 'hunter2' ", 'INSERT … (9000 bytes)'],
    ['INSERT INTO ', 'INSERT … (9000 bytes)'],
    ['WITH x AS (SELECT ', 'WITH … (9000 bytes)'],
    ['hunter2 ', '? (9000 bytes)'],
  ])('shows a statement that is cut off by verb, relation and length: %j', (start, shown) => {
    expect(normalized(start + '7'.repeat(1100), 9000)).toBe(shown);
  });

  it('shows no identifier that could move a cursor or break a line', () => {
    expect(normalized('SELECT "\u001b[31m", "a\nb", "x\u202e", ok\u2028a')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    expect(normalized('SELECT "a\nb", U&"\\0041"')).toBe('SELECT "?", "?"');
  });

  it('ends after 300 characters', () => {
    const text = normalized(`SELECT ${Array.from({ length: 150 }, (_, i) => `c${i}`).join(', ')}`);
    expect(text).toHaveLength(300);
    expect(text.endsWith('…')).toBe(true);
  });

  it('reads deeply nested texts as any other', () => {
    for (const text of [
      '('.repeat(500) + ')'.repeat(500),
      'f('.repeat(300) + ')'.repeat(300),
      'NOT '.repeat(250),
      '['.repeat(900),
    ]) {
      expect(normalized(`SELECT ${text}`)).toMatch(/^SELECT /);
    }
    expect(normalized('SELECT 1')).toBe('SELECT ?');
  });

  it('goes on telling statements apart when its cache has turned over', () => {
    for (let round = 0; round < 2; round += 1) {
      for (let i = 0; i < 600; i += 1) expect(normalized(`SELECT c${i} FROM t`)).toBe(`SELECT c${i} FROM t`);
    }
  });
});

it('shows everything in one line where that is asked for, and nothing where it is off', () => {
  const bytes = Buffer.from("SELECT 'a'\n\t-- \u001b[31mb\u2028");
  expect(statementText(bytes, bytes.length, 'full')).toBe("SELECT 'a' --  [31mb");
  expect(statementText(bytes, bytes.length, 'off')).toBe('');
  const long = statementText(Buffer.alloc(1024, 'a'), 5000, 'full');
  expect(long).toHaveLength(1024);
  expect(long.endsWith('…')).toBe(true);
});
