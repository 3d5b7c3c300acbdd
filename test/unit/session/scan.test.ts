// What a text is suspected of, and that nothing hides from the scanner what Postgres' own would see.
import { describe, expect, it, test } from 'vitest';
import { Lexicon, POSTGRES_LEXICON, wordHash } from '../../../src/session/lexicon.ts';
import { lexingOf, UNSURE_LEXING } from '../../../src/session/lexing.ts';
import { readResets, scan, scanBody } from '../../../src/session/scan.ts';
import { Suspect } from '../../../src/session/suspect.ts';

const PLAIN = lexingOf(new Map());

function suspectsOf(sql: string, lexicon = POSTGRES_LEXICON, lexing = PLAIN): string {
  const bytes = Buffer.from(sql);
  return names(scan(bytes, 0, bytes.length, lexicon, lexing));
}

function names(mask: number): string {
  return Object.entries(Suspect)
    .filter(([, bit]) => (mask & bit) !== 0)
    .map(([name]) => name)
    .join(' ');
}

test.for([
  'SELECT 1',
  'UPDATE accounts SET balance = balance + $1 WHERE id = $2',
  'INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = excluded.b RETURNING id',
  'BEGIN',
  'COMMIT AND CHAIN',
  'ROLLBACK TO SAVEPOINT a',
  'SET LOCAL work_mem TO 1',
  'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'SET CONSTRAINTS ALL DEFERRED',
  "SELECT 'SET work_mem TO 1; SELECT set_config(''a'', ''b'', false)'",
  'SELECT 1 -- ; SET work_mem TO 1\n + 2',
  'SELECT /* ; SET a TO 1 /* nested */ ; RESET ALL */ 1',
  'SELECT $$ ; SET a TO 1 $$, $x$ ; RESET ALL $$ $x$',
  'SELECT "set_config", temp, hold, local FROM execute_log',
  "SELECT E'it\\'s; SET a TO 1', 1",
  'DELETE FROM temp WHERE load > 1',
  'GRANT EXECUTE ON FUNCTION f TO public',
  'COPY t FROM STDIN',
  'SELECT a.reset, b.load FROM a, b',
  'SELECT current_setting($1, true) FROM pg_settings',
  'SELECT pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)',
  'DISCARD PLANS',
  'PREPAREX 1',
  '',
  ' ;; ; ',
])('nothing is suspected of %j', (sql) => {
  expect(suspectsOf(sql)).toBe('');
});

test.for([
  ['SET work_mem TO 1', 'Parameter'],
  ['  /* c */ set\n/* d */ SESSION a.b = 1', 'Parameter'],
  ['SELECT 1; SET a TO 1', 'Parameter'],
  ['SET ROLE bob', 'Parameter'],
  ['SET a TO DEFAULT', 'Parameter Resets'],
  ['SET TIME ZONE LOCAL', 'Parameter Resets'],
  ['RESET ALL', 'Parameter Resets'],
  ["SELECT set_config('a', 'b', false)", 'Parameter'],
  ['SELECT pg_catalog . "set_config" /* */ (a, b, c)', 'Parameter'],
  ['UPDATE pg_catalog.pg_settings SET setting = 1', 'Parameter'],
  ['WITH a AS (SELECT 1) UPDATE pg_settings SET setting = 1', 'Parameter'],
  ['PREPARE p AS SELECT 1', 'Prepare'],
  ['DEALLOCATE p', 'Prepare'],
  ['DEALLOCATE ALL', 'Prepare DeallocateAll'],
  ['EXECUTE p(1)', 'Execute'],
  ['EXPLAIN ANALYZE EXECUTE p', 'Execute'],
  ['CREATE TABLE t AS EXECUTE p', 'Execute Temp Catalog'],
  ['SELECT * FROM pg_prepared_statements', 'Execute'],
  ['DISCARD ALL', 'Parameter Resets Prepare DeallocateAll Ends'],
  ['DISCARD TEMP', 'Ends'],
  ['CREATE TEMP TABLE t (a int)', 'Temp Catalog'],
  ['SELECT 1 INTO t', 'Temp'],
  ['WITH a AS (SELECT 1) SELECT * INTO TEMPORARY t FROM a', 'Temp'],
  ['WITH a AS (SELECT 1) SELECT * INTO LOCAL TEMP t FROM a', 'Temp'],
  ['SELECT pg_advisory_lock(1)', 'AdvisoryLock'],
  ['SELECT pg_try_advisory_lock_shared(1, 2)', 'AdvisoryLock'],
  ['SELECT pg_advisory_unlock(1)', 'Ends'],
  ['DECLARE c CURSOR WITH HOLD FOR SELECT 1', 'HoldCursor'],
  ['CLOSE c', 'Ends'],
  ['LISTEN x', 'Listen'],
  ['UNLISTEN *', 'Ends'],
  ["SELECT nextval('s')", 'Sequence'],
  ['SELECT setseed(0.5)', 'Seed'],
  ["LOAD 'auto_explain'", 'Load'],
  ['DROP TABLE t', 'Ends Catalog'],
  ['ALTER TABLE t ADD a int', 'Catalog'],
  ["DO LANGUAGE plperl 'x'", 'Opaque'],
  ['DO LANGUAGE plperl $$ x $$', 'Opaque'],
  ['DO $$ BEGIN PERFORM 1; END $$', ''],
  ["DO $$ BEGIN PERFORM set_config('a', 'b', false); END $$", 'Parameter'],
  ['DO $$ BEGIN IF true THEN SET a TO 1; END IF; END $$ LANGUAGE plpgsql', 'Parameter'],
  ['DO $$ BEGIN EXECUTE x; END $$', 'Opaque'],
  ["SELECT query_to_xml('x', true, true, '')", 'Opaque'],
  ['SELECT U&"\\0073et_config"(1, 2, 3)', 'Opaque'],
  ["SELECT 'unended", 'Opaque'],
  ['SELECT /* unended', 'Opaque'],
  ['SELECT $a$ unended $', 'Opaque'],
  ['SELECT "unended', 'Opaque'],
] as const)('%j may do this: %s', ([sql, expected]) => {
  expect(suspectsOf(sql).split(' ').sort()).toEqual(expected.split(' ').sort());
});

describe('what ends a string', () => {
  it('is told by an escape string only for itself and what continues it on the next line', () => {
    expect(suspectsOf("SELECT E'a'\n'b\\'; SET a TO 1'")).toBe('');
    expect(suspectsOf("SELECT E'a' -- c\n'b\\'; SET a TO 1'")).toBe('');
    expect(suspectsOf("SELECT E'a', 'b\\'; SET a TO 1")).toBe('Parameter');
    expect(suspectsOf("SELECT e'', U&'\\'; SET a TO 1")).toBe('Parameter');
  });

  it('is not known where backslashes may mean something', () => {
    const off = lexingOf(new Map([['standard_conforming_strings', 'off']]));
    expect(suspectsOf("SELECT 'a\\'; SET a TO 1", POSTGRES_LEXICON, off)).toBe('Opaque');
    expect(suspectsOf("SELECT 'a\\b'", POSTGRES_LEXICON, UNSURE_LEXING)).toBe('Opaque');
    expect(suspectsOf("SELECT 'a', E'\\''", POSTGRES_LEXICON, off)).toBe('');
  });

  it('is not known in an encoding whose second bytes may be ASCII', () => {
    const sjis = lexingOf(new Map([['client_encoding', 'SJIS']]));
    expect(suspectsOf('SELECT 1', POSTGRES_LEXICON, sjis)).toBe('');
    for (const text of ["SELECT 'ä'", "SELECT E'ä'", 'SELECT ä', 'SELECT "ä"'])
      expect(suspectsOf(text, POSTGRES_LEXICON, sjis)).toBe('Opaque');
    expect(suspectsOf("SELECT 'ä', ä", POSTGRES_LEXICON, PLAIN)).toBe('');
  });
});

describe('functions and relations of a database', () => {
  const lexicon = new Lexicon(
    new Map([[wordHash('set_tenant'), Suspect.Parameter]]),
    new Map([[wordHash('audited'), Suspect.Opaque]]),
  );

  it('are known by name: a function where it is called, a relation wherever it stands', () => {
    expect(suspectsOf('SELECT app.Set_Tenant (1)', lexicon)).toBe('Parameter');
    expect(suspectsOf('SELECT set_tenant FROM t', lexicon)).toBe('');
    expect(suspectsOf('INSERT INTO audited VALUES (1)', lexicon)).toBe('Opaque');
    expect(suspectsOf('INSERT INTO "audited" VALUES (1)', lexicon)).toBe('Opaque');
  });

  it('are searched like statements, where PL/pgSQL has more places that begin one', () => {
    const bodyOf = (text: string) => names(scanBody(Buffer.from(text), POSTGRES_LEXICON, PLAIN, new Set()));
    expect(bodyOf('BEGIN UPDATE t\nSET a = 1; SELECT a INTO b FROM t; RETURN NEW; END')).toBe('');
    expect(bodyOf('BEGIN FOR i IN 1..2 LOOP SET a TO 1; END LOOP; END')).toBe('Parameter');
    expect(bodyOf('BEGIN IF a THEN x := 1; ELSE RESET a; END IF; END')).toContain('Parameter');
    expect(bodyOf('BEGIN RETURN QUERY EXECUTE a; END')).toBe('Opaque');
    const words = new Set<number>();
    scanBody(Buffer.from('SELECT other(1)'), POSTGRES_LEXICON, PLAIN, words);
    expect(words.has(wordHash('Other'))).toBe(true);
  });
});

test('a nest of DO blocks is not followed for ever', () => {
  let sql = 'NULL;';
  for (let level = 0; level < 900; level += 1) sql = `DO $a${level}$ BEGIN ${sql} END $a${level}$;`;
  const from = performance.now();
  expect(suspectsOf(sql)).toBe('Opaque');
  expect(performance.now() - from).toBeLessThan(50);
});

describe('the names that are reset', () => {
  it.each([
    ['RESET work_mem', ['work_mem']],
    ['RESET app.tenant; SET "Work_Mem" = DEFAULT', ['app.tenant', 'Work_Mem']],
    ['SET SESSION a TO DEFAULT', ['a']],
    ['SET TIME ZONE DEFAULT', ['timezone']],
  ])('of %j', (text, expected) => {
    expect(readResets(text)).toEqual(expected);
  });

  it.each(['RESET ALL', 'DISCARD  ALL', 'RESET /* x */ a'])('are all of them for %j', (text) => {
    expect(readResets(text)).toBe('all');
  });
});
