// The rows of the session matrix that make what lives in one server's session: temporary objects, cursors, locks, channels, statements.
import type { Change, Step } from './change.ts';

const SELECT_BASKET = 'SELECT * FROM basket';
const temp = (name: string, ...make: Step[]): Change => ({ name, make, probe: [SELECT_BASKET], holds: true });
const MAKE_BASKET = 'CREATE TEMP TABLE basket AS SELECT 7 AS item';

const temporary: Change[] = [
  temp('temporary table', 'CREATE TEMPORARY TABLE basket (item int)', 'INSERT INTO basket VALUES (7)'),
  temp('temporary table by CREATE TABLE AS', MAKE_BASKET),
  temp('temporary table ON COMMIT DROP', 'CREATE TEMP TABLE basket ON COMMIT DROP AS SELECT 7 AS item'),
  temp('temporary table ON COMMIT DELETE ROWS', 'CREATE TEMP TABLE basket ON COMMIT DELETE ROWS AS SELECT 7 AS item'),
  temp('temporary table by SELECT INTO', 'SELECT 7 AS item INTO TEMP basket'),
  temp('temporary table by its schema', 'CREATE TABLE pg_temp.basket AS SELECT 7 AS item'),
  temp('temporary table that is dropped again', MAKE_BASKET, 'DROP TABLE basket'),
  temp(
    'temporary table by search_path',
    'SET search_path = pg_temp, public',
    'CREATE TABLE basket AS SELECT 7 AS item',
  ),
  temp('temporary table by DO', `DO $$ BEGIN ${MAKE_BASKET}; END $$`),
  temp('temporary table by a function', 'SELECT make_basket()'),
  temp('temporary view', 'CREATE TEMP VIEW basket AS SELECT 7 AS item'),
  {
    name: 'temporary sequence',
    make: ['CREATE TEMP SEQUENCE tickets'],
    probe: ['SELECT last_value FROM tickets'],
    ownProbe: ["SELECT nextval('tickets')", 'SELECT last_value FROM tickets'],
    holds: true,
  },
  {
    name: 'temporary function',
    make: ["CREATE FUNCTION pg_temp.seven() RETURNS int LANGUAGE sql AS 'SELECT 7'"],
    probe: ['SELECT proname FROM pg_proc WHERE pronamespace = pg_my_temp_schema()'],
    holds: true,
  },
  { ...temp('DROP of a temporary table', 'DROP TABLE basket'), before: [MAKE_BASKET] },
  { ...temp('DISCARD TEMP', 'DISCARD TEMP'), before: [MAKE_BASKET] },
  { ...temp('INSERT into a temporary table', 'INSERT INTO basket VALUES (8)'), before: [MAKE_BASKET] },
];

const DECLARE_HELD = 'DECLARE held CURSOR WITH HOLD FOR SELECT * FROM generate_series(1, 5)';
const cursors: Change[] = [
  { name: 'cursor', make: ['DECLARE plain CURSOR FOR SELECT 1'], probe: ['FETCH plain'], holds: true },
  { name: 'cursor WITH HOLD', make: [DECLARE_HELD], probe: ['FETCH 2 FROM held'], holds: true },
  {
    name: 'CLOSE of a cursor WITH HOLD',
    make: ['CLOSE held'],
    before: [DECLARE_HELD],
    probe: ['FETCH held'],
    holds: true,
  },
  { name: 'CLOSE ALL', make: ['CLOSE ALL'], before: [DECLARE_HELD], probe: ['FETCH held'], holds: true },
];

const COUNT_LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
const lock = (name: string, ...make: Step[]): Change => ({ name, make, probe: [COUNT_LOCKS], holds: true });
const locks: Change[] = [
  lock('advisory lock', 'SELECT pg_advisory_lock(1)'),
  lock('advisory lock of two keys with bound values', { sql: 'SELECT pg_advisory_lock($1, $2)', values: ['1', '2'] }),
  lock('advisory lock, shared', 'SELECT pg_advisory_lock_shared(1)'),
  lock('advisory lock that is tried', 'SELECT pg_try_advisory_lock(1)'),
  lock('advisory lock by a function', 'SELECT lock_it(1)'),
  lock('advisory lock for the transaction', 'SELECT pg_advisory_xact_lock(1)'),
  lock('advisory lock that is unlocked again', 'SELECT pg_advisory_lock(1)', 'SELECT pg_advisory_unlock(1)'),
  { ...lock('advisory unlock', 'SELECT pg_advisory_unlock(1)'), before: ['SELECT pg_advisory_lock(1)'] },
  {
    ...lock('advisory unlock of one of two', 'SELECT pg_advisory_unlock(1)'),
    before: ['SELECT pg_advisory_lock(1), pg_advisory_lock(2)'],
  },
  {
    ...lock('advisory unlock of all', 'SELECT pg_advisory_unlock_all()'),
    before: ['SELECT pg_advisory_lock(1), pg_advisory_lock(2)'],
  },
];

const CHANNELS = 'SELECT * FROM pg_listening_channels() ORDER BY 1';
const listen = (name: string, before: string[], ...make: Step[]): Change => ({
  name,
  before,
  make,
  probe: [CHANNELS],
  ownProbe: ["NOTIFY news, 'hello'"],
  holds: true,
});
const channels: Change[] = [
  listen('LISTEN', [], 'LISTEN news'),
  listen('LISTEN by DO', [], 'DO $$ BEGIN LISTEN news; END $$'),
  listen('LISTEN, then UNLISTEN *', [], 'LISTEN news', 'UNLISTEN *'),
  listen('UNLISTEN', ['LISTEN news'], 'UNLISTEN news'),
  listen('UNLISTEN of one of two', ['LISTEN news', 'LISTEN sports'], 'UNLISTEN sports'),
  listen('UNLISTEN *', ['LISTEN news', 'LISTEN sports'], 'UNLISTEN *'),
];

const PREPARE = 'PREPARE twice (int) AS SELECT 2 * $1';
const statement = (name: string, before: string[], ...make: Step[]): Change => ({
  name,
  before,
  make,
  probe: [
    'SELECT name, statement, parameter_types FROM pg_prepared_statements WHERE from_sql ORDER BY 1',
    'EXECUTE twice(21)',
  ],
  // Its text is the whole string: nobody can prepare it elsewhere.
  holds: 'in a string',
});
const statements: Change[] = [
  statement('PREPARE', [], PREPARE),
  statement('PREPARE by DO', [], `DO $do$ BEGIN EXECUTE '${PREPARE}'; END $do$`),
  {
    ...statement('PREPARE under a search_path', [], 'SET search_path = own', 'PREPARE twice AS SELECT name FROM thing'),
    // A ROLLBACK may take the path back and leaves the statement.
    holds: 'in a transaction',
  },
  statement('DEALLOCATE', [PREPARE], 'DEALLOCATE twice'),
  statement(
    'DEALLOCATE, then PREPARE of another',
    [PREPARE],
    'DEALLOCATE twice',
    'PREPARE twice (int) AS SELECT 3 * $1',
  ),
  statement('DEALLOCATE ALL', [PREPARE, 'PREPARE other AS SELECT 1'], 'DEALLOCATE ALL'),
  statement('EXECUTE', [PREPARE], 'EXECUTE twice(1)'),
  statement('DISCARD PLANS', [PREPARE], 'DISCARD PLANS'),
];

const NEXTVAL = "SELECT nextval('counter') > 0";
const IS_LASTVAL = 'SELECT lastval() > 0';
const other: Change[] = [
  { name: 'nextval()', make: [NEXTVAL], probe: [IS_LASTVAL], holds: true, probeHolds: true },
  {
    name: 'DISCARD SEQUENCES',
    make: ['DISCARD SEQUENCES'],
    before: [NEXTVAL],
    probe: [IS_LASTVAL],
    holds: 'to the end',
    probeHolds: true,
  },
  {
    name: 'DISCARD ALL',
    make: ['DISCARD ALL'],
    before: ["SET work_mem = '5MB'", PREPARE, 'SET ROLE matrix_reader'],
    probe: ['SHOW work_mem', 'EXECUTE twice(21)', 'SELECT current_user'],
    inTransaction: false,
  },
  {
    name: 'DISCARD ALL of what holds a server',
    make: ['DISCARD ALL'],
    before: [MAKE_BASKET, DECLARE_HELD, 'SELECT pg_advisory_lock(1)', 'LISTEN news'],
    probe: [SELECT_BASKET, 'FETCH held', COUNT_LOCKS, CHANNELS],
    inTransaction: false,
    holds: true,
  },
  {
    name: 'DISCARD ALL in a session that asked at its login',
    make: ['DISCARD ALL'],
    login: { work_mem: '9MB', application_name: 'mine' },
    before: ["SET work_mem = '5MB'", "SET application_name = 'other'"],
    probe: ['SHOW work_mem', 'SHOW application_name'],
    inTransaction: false,
  },
  {
    name: 'LOAD',
    make: ["LOAD 'auto_explain'"],
    probe: ["SELECT current_setting('auto_explain.log_min_duration', true)"],
    holds: true,
  },
  {
    name: 'setseed()',
    make: ['SELECT setseed(0.5)'],
    // The first numbers after it were written down.
    probe: ['SELECT random() IN (SELECT number FROM seeded)'],
    holds: true,
  },
  {
    name: 'SET CONSTRAINTS',
    make: ['SET CONSTRAINTS ALL DEFERRED'],
    // Refused at once, where it is not deferred to the end of the transaction.
    probe: ['INSERT INTO child VALUES (99)'],
  },
  {
    name: 'a parameter and a temporary table',
    make: ["SET work_mem = '5MB'", MAKE_BASKET],
    probe: ['SHOW work_mem', SELECT_BASKET],
    holds: true,
  },
];

export const CHANGES_OF_OBJECTS: readonly Change[] = [
  ...temporary,
  ...cursors,
  ...locks,
  ...channels,
  ...statements,
  ...other,
];
