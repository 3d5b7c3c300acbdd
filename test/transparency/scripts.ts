// The session scripts of the transparency tests: what a client sends, and which messages of the server end each step.
import * as build from '../support/wire-messages.ts';

export interface Step {
  /** Written at once. */
  readonly send: Buffer;
  /** The step is over when messages of these types have come, in this order; others may lie between. */
  readonly until: string;
}

export interface Script {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Nothing of it reaches Postgres: pgsluice answers a Sync between transactions itself. */
  readonly isAnsweredHere?: true;
}

/** Run once in the database that the scripts' databases are copies of. */
export const SETUP = `
  CREATE TABLE items (id int PRIMARY KEY, name text, payload bytea);
  INSERT INTO items SELECT i, 'item ' || i, decode(md5(i::text), 'hex') FROM generate_series(1, 50) i;
  CREATE TABLE log (id int, note text);
  CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE NOTICE 'shouting %', $1 USING HINT = 'loud'; RETURN upper($1); END $$;
  CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no % here', NEW.id USING ERRCODE = '22023', DETAIL = 'a detail', HINT = 'a hint'; END $$;
  CREATE TABLE closed (id int);
  CREATE TRIGGER refuse BEFORE INSERT ON closed FOR EACH ROW EXECUTE FUNCTION refuse();
`;

function step(until: string, ...parts: Buffer[]): Step {
  return { send: Buffer.concat(parts), until };
}

const q = (sql: string): Step => step('Z', build.query(sql));
const { bind, close, copyData, copyDone, copyFail, describe, execute, flush, parse, query, sync } = build;

/** Parse, Bind, Describe, Execute without Sync. */
function unnamed(sql: string, values: build.BindValue[] = [], maxRows = 0): Buffer[] {
  return [parse({ sql }), bind({ values }), describe('P'), execute('', maxRows)];
}

function script(name: string, ...steps: Step[]): Script {
  return { name, steps };
}

const simple: Script[] = [
  script('simple select', q("SELECT 1 AS one, NULL::text AS nothing, 'x' AS x")),
  script('empty query strings', q(''), q(';'), q(' ; ; ')),
  script(
    'multi-statement string',
    q("SELECT 1; SELECT 'two', 2; SELECT 3 WHERE false; UPDATE log SET id = 1 WHERE false"),
  ),
  script(
    'error in the middle of a multi-statement string rolls it back',
    q("INSERT INTO log VALUES (1, 'a'); SELECT 1/0; INSERT INTO log VALUES (2, 'b')"),
    q('SELECT count(*) FROM log'),
  ),
  script('syntax error and an unknown table', q('SELEC 1'), q('SELECT * FROM nowhere'), q('SELECT 1')),
  script('error with every field', q('INSERT INTO closed VALUES (7)')),
  script('constraint error', q('INSERT INTO items (id) VALUES (1)')),
  script('notices', q("SELECT shout('a'), shout('b')")),
  script('many rows', q('SELECT i, md5(i::text) FROM generate_series(1, 3000) i')),
  script('big rows', q("SELECT repeat('x', 300000), repeat('y', 100) FROM generate_series(1, 3)")),
  script('big statement', q(`SELECT length('${'z'.repeat(200_000)}')`)),
  script('several simple queries in one write', step('ZZZZ', ...['SELECT 1', 'SELECT 1/0', '', 'SELECT 4'].map(query))),
];

const transactions: Script[] = [
  script(
    'transaction that commits',
    q('BEGIN'),
    q("INSERT INTO log VALUES (10, 'kept')"),
    q('COMMIT'),
    q('SELECT * FROM log WHERE id = 10'),
  ),
  script(
    'transaction that is rolled back',
    q('BEGIN'),
    q("INSERT INTO log VALUES (11, 'gone')"),
    q('ROLLBACK'),
    q('SELECT * FROM log WHERE id = 11'),
  ),
  script('failed transaction', q('BEGIN'), q('SELECT 1/0'), q('SELECT 1'), q('COMMIT'), q('SELECT 2')),
  script(
    'savepoints',
    q('BEGIN'),
    q('SAVEPOINT a'),
    q('SELECT 1/0'),
    q('ROLLBACK TO a'),
    q('SELECT 1'),
    q('RELEASE a'),
    q('END'),
  ),
  script(
    'BEGIN and COMMIT inside multi-statement strings',
    q('BEGIN; SELECT 1'),
    q('SELECT 2; COMMIT; SELECT 3'),
    q('SELECT 4'),
  ),
  script('COMMIT AND CHAIN', q('BEGIN'), q('COMMIT AND CHAIN'), q('SELECT 1'), q('ROLLBACK')),
  script('COMMIT without a transaction warns', q('COMMIT'), q('ROLLBACK'), q('BEGIN'), q('BEGIN'), q('END')),
  script('whole transaction in one write', step('ZZZZ', ...['BEGIN', 'SELECT 1', 'COMMIT', 'SELECT 2'].map(query))),
  script('failing transaction in one write', step('ZZZZ', ...['BEGIN', 'SELECT 1/0', 'COMMIT', 'SELECT 2'].map(query))),
  script(
    'cursor',
    q('BEGIN'),
    q('DECLARE c CURSOR FOR SELECT id FROM items ORDER BY id'),
    q('FETCH 3 FROM c'),
    q('MOVE 40 IN c'),
    q('FETCH ALL FROM c'),
    q('CLOSE c'),
    q('COMMIT'),
  ),
  script(
    'reported parameters',
    q("SET TimeZone TO 'Europe/Berlin'"),
    q('BEGIN'),
    q("SET DateStyle TO 'German'"),
    q('ROLLBACK'),
    q("SELECT now() IS NULL, '2026-01-02'::date"),
    q('RESET TimeZone'),
  ),
  script(
    'SET LOCAL ends with its transaction',
    q('BEGIN'),
    q("SET LOCAL TimeZone TO 'Asia/Tokyo'"),
    q("SELECT '2026-01-02 03:04:05+00'::timestamptz"),
    q('COMMIT'),
    q('SHOW TimeZone'),
  ),
  script(
    'notification to oneself',
    q('BEGIN'),
    q('LISTEN here'),
    q("NOTIFY here, 'word'"),
    q('COMMIT'),
    q('UNLISTEN *'),
  ),
];

const extended: Script[] = [
  script('extended query', step('Z', ...unnamed('SELECT $1::text, $2::int', ['a', null]), sync())),
  script(
    'binary parameters and results',
    step(
      'Z',
      parse({ sql: 'SELECT $1 + 1, $1::text', types: [23] }),
      bind({ values: [build.int32(41)], formats: [1], resultFormats: [1] }),
      describe('P'),
      execute(),
      sync(),
    ),
  ),
  script(
    'describe a statement',
    step('Z', parse({ sql: 'SELECT name FROM items WHERE id = $1' }), describe('S'), sync()),
  ),
  script('describe what returns nothing', step('Z', ...unnamed("UPDATE log SET note = 'x' WHERE id = -1"), sync())),
  script('empty statement', step('Z', ...unnamed(''), sync())),
  { ...script('sync alone, and twice', step('Z', sync()), step('ZZ', sync(), sync())), isAnsweredHere: true },
  script(
    'row limit suspends a portal',
    step('Z', query('BEGIN')),
    step(
      'Z',
      parse({ sql: 'SELECT id FROM items ORDER BY id' }),
      bind({ portal: 'p' }),
      execute('p', 20),
      execute('p', 20),
      execute('p', 20),
      close('P', 'p'),
      sync(),
    ),
    step('Z', query('END')),
  ),
  script('row limit outside a transaction block', step('Z', ...unnamed('SELECT id FROM items', [], 5), sync())),
  script(
    'named statement inside a transaction',
    q('BEGIN'),
    step('Z', parse({ name: 's1', sql: 'SELECT $1::int * 2' }), describe('S', 's1'), sync()),
    step('Z', bind({ statement: 's1', values: ['21'] }), execute(), sync()),
    step('Z', bind({ statement: 's1', values: ['4'] }), describe('P'), execute(), close('S', 's1'), sync()),
    q('COMMIT'),
  ),
  script('close what is not there', step('Z', close('S', 'nothing'), close('P', 'nothing'), sync())),
  script('error at Parse', step('Z', ...unnamed('SELEC 1'), sync()), q('SELECT 1')),
  script(
    'error at Bind',
    step('Z', parse({ sql: 'SELECT $1::int' }), bind({ values: [] }), describe('P'), execute(), sync()),
    q('SELECT 1'),
  ),
  script('bad value at Bind', step('Z', ...unnamed('SELECT $1::int', ['no number']), sync())),
  script('error at Execute', step('Z', ...unnamed('SELECT 1/$1::int', ['0']), sync()), q('SELECT 1')),
  script(
    'unknown statement and portal',
    step('Z', bind({ statement: 'unknown' }), execute(), sync()),
    step('Z', execute('unknown'), sync()),
    step('Z', describe('S', 'unknown'), sync()),
  ),
  script(
    'messages behind an error are skipped up to Sync',
    step(
      'ZZ',
      ...unnamed('SELECT 1/0'),
      ...unnamed('SELECT 2'),
      query('SELECT 3'),
      sync(),
      ...unnamed('SELECT 4'),
      sync(),
    ),
  ),
  script(
    'implicit transaction of a batch is rolled back',
    step('Z', ...unnamed("INSERT INTO log VALUES (20, 'x')"), ...unnamed('SELECT 1/0'), sync()),
    q('SELECT count(*) FROM log WHERE id = 20'),
  ),
  script(
    'batches in one write',
    step('ZZZ', ...unnamed('SELECT 1'), sync(), ...unnamed('SELECT 2'), sync(), ...unnamed('SELECT 3'), sync()),
  ),
  script(
    'an error in the second of three batches',
    step('ZZZ', ...unnamed('SELECT 1'), sync(), ...unnamed('SELECT 1/0'), sync(), ...unnamed('SELECT 3'), sync()),
  ),
  script(
    'a pipeline with one Sync',
    step('Z', ...unnamed('SELECT 1'), ...unnamed('SELECT 2'), ...unnamed('SELECT 3'), sync()),
  ),
  script(
    'a transaction as a pipeline',
    step('Z', ...unnamed('BEGIN'), ...unnamed("INSERT INTO log VALUES (21, 'y')"), ...unnamed('COMMIT'), sync()),
    q('SELECT * FROM log WHERE id = 21'),
  ),
  script(
    'a transaction over batches',
    step(
      'ZZZ',
      ...unnamed('BEGIN'),
      sync(),
      ...unnamed("INSERT INTO log VALUES (22, 'z')"),
      sync(),
      ...unnamed('COMMIT'),
      sync(),
    ),
    q('SELECT * FROM log WHERE id = 22'),
  ),
  script(
    'a deep pipeline',
    step(
      'Z'.repeat(100),
      ...Array.from({ length: 100 }, (_, i) => Buffer.concat([...unnamed('SELECT $1::text', [`n${i}`]), sync()])),
    ),
  ),
  script(
    'simple query behind an open batch',
    step('ZZ', ...unnamed('SELECT 1'), query('SELECT 2'), ...unnamed('SELECT 3'), sync()),
  ),
  script(
    'the most parameters',
    step(
      'Z',
      parse({ sql: `SELECT $1, $65535::text` }),
      bind({ values: Array.from({ length: 65_535 }, (_, i) => String(i)) }),
      execute(),
      sync(),
    ),
  ),
  script('a big value', step('Z', ...unnamed('SELECT length($1::text), $1', ['v'.repeat(300_000)]), sync())),
  script('notices in a batch', step('Z', ...unnamed("SELECT shout('quiet')"), sync())),
  script(
    'parameters change in a batch',
    step('Z', ...unnamed("SET TimeZone TO 'Asia/Tokyo'"), ...unnamed('RESET TimeZone'), sync()),
  ),
];

const flushes: Script[] = [
  script(
    'flush after each message',
    step('1', parse({ sql: 'SELECT 1' }), flush()),
    step('2', bind(), flush()),
    step('T', describe('P'), flush()),
    step('C', execute(), flush()),
    step('Z', sync()),
  ),
  script(
    'describe first, then bind, as postgres.js does',
    step('tT', parse({ sql: 'SELECT $1::int' }), describe('S'), flush()),
    step('Z', bind({ values: ['5'] }), execute(), sync()),
  ),
  script(
    'an error is told at once, before Sync',
    step('E', parse({ sql: 'SELEC' }), flush()),
    step('Z', bind(), execute(), sync()),
  ),
  script(
    'flush between batches',
    step('ZC', ...unnamed('SELECT 1'), sync(), ...unnamed('SELECT 2'), flush()),
    step('Z', sync()),
  ),
];

const LINES = ['100\tone\n', '101\ttwo\n', '102\tthree\n'];

const copies: Script[] = [
  script('copy out', q('COPY (SELECT id, name FROM items ORDER BY id) TO STDOUT')),
  script(
    'copy out, extended',
    step('Z', parse({ sql: 'COPY (SELECT id FROM items ORDER BY id) TO STDOUT' }), bind(), execute(), sync()),
  ),
  script('copy out that fails', q('COPY (SELECT 1/(id - 25) FROM items ORDER BY id) TO STDOUT')),
  script(
    'copy in',
    step('G', query('COPY log FROM STDIN')),
    step('Z', ...LINES.map(copyData), copyDone()),
    q('SELECT * FROM log WHERE id >= 100 ORDER BY id'),
  ),
  script(
    'copy in, all in one write',
    step('Z', query('COPY log FROM STDIN'), ...LINES.map(copyData), copyDone()),
    q('SELECT count(*) FROM log'),
  ),
  script('copy in with nothing', step('Z', query('COPY log FROM STDIN'), copyDone())),
  script(
    'copy in between statements of a string',
    step('Z', query('SELECT 1; COPY log FROM STDIN; SELECT 2'), copyData('1\tx\n'), copyDone()),
  ),
  script(
    'copy in that the client gives up',
    step('G', query('COPY log FROM STDIN')),
    step('Z', copyData(LINES[0]!), copyFail('changed my mind')),
    q('SELECT 1'),
  ),
  script(
    'copy in of bad data',
    step('G', query('COPY log FROM STDIN')),
    step('Z', copyData('no number\tx\n'), copyDone()),
    q('SELECT 1'),
  ),
  script(
    'late data of a copy that failed',
    step('G', query('COPY log FROM STDIN')),
    step('E', copyData('no number\tx\n'.repeat(3000))),
    step('ZZ', copyData(LINES[0]!), copyData(LINES[1]!), copyDone(), query('SELECT 1')),
  ),
  script(
    'a copy that fails at once',
    step('ZZ', query('COPY nowhere FROM STDIN'), ...LINES.map(copyData), copyDone(), query('SELECT 1')),
  ),
  script(
    'copy in, extended',
    step('G', parse({ sql: 'COPY log FROM STDIN' }), bind(), execute(), flush()),
    step('Z', ...LINES.map(copyData), copyDone(), sync()),
    q('SELECT 1'),
  ),
  script(
    'copy in, extended, Sync with Execute',
    step('G', parse({ sql: 'COPY log FROM STDIN' }), bind(), execute(), sync()),
    step('Z', ...LINES.map(copyData), copyDone(), sync()),
    q('SELECT 1'),
  ),
  script(
    'copy in, extended, given up',
    step('G', parse({ sql: 'COPY log FROM STDIN' }), bind(), execute(), flush()),
    step('Z', copyData(LINES[0]!), copyFail('no'), sync()),
    q('SELECT 1'),
  ),
  script(
    'copy in, extended, bad data',
    step('G', parse({ sql: 'COPY log FROM STDIN' }), bind(), execute(), flush()),
    step('Z', copyData('bad\tx\n'), copyDone(), sync()),
    q('SELECT 1'),
  ),
  script(
    'copy into a table that refuses',
    step('G', query('COPY closed FROM STDIN')),
    step('Z', copyData('1\n'), copyDone()),
    q('SELECT 1'),
  ),
  script(
    'copy in inside a transaction',
    q('BEGIN'),
    step('G', query('COPY log FROM STDIN')),
    step('Z', copyData(LINES[0]!), copyDone()),
    q('ROLLBACK'),
  ),
];

const calls: Script[] = [
  // int4pl and int4div have the same OID in every version (Postgres: pg_proc.dat).
  script('function call', step('Z', build.functionCall(177, ['40', '2']))),
  script('function call that fails', step('Z', build.functionCall(154, ['1', '0'])), q('SELECT 1')),
  script('function call of nothing', step('Z', build.functionCall(4_000_000, [])), q('SELECT 1')),
  script(
    'function calls in a row',
    step('ZZ', build.functionCall(177, ['1', '2']), build.functionCall(177, ['3', '4'])),
  ),
];

export const SCRIPTS: readonly Script[] = [...simple, ...transactions, ...extended, ...flushes, ...copies, ...calls];
