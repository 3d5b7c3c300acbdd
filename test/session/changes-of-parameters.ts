// The rows of the session matrix that set parameters: SET and its kin, set_config() in its disguises, roles, startup parameters.
import { functionCall } from '../support/wire-messages.ts';
import { type Change, custom, type Step, setting, TENANT } from './change.ts';

const SET_CONFIG_OID = 2078;
const WHO = 'SELECT current_user, session_user';
const WORK_MEM = 'SHOW work_mem';

const reported: Change[] = [
  setting('SET TimeZone', 'TimeZone', "SET TimeZone = 'Asia/Tokyo'"),
  setting('SET TIME ZONE', 'TimeZone', 'SET TIME ZONE INTERVAL $$-08:30$$ HOUR TO MINUTE'),
  setting('SET DateStyle', 'DateStyle', "SET DateStyle = 'German'"),
  { name: 'SET IntervalStyle', make: ["SET IntervalStyle = 'iso_8601'"], probe: ["SELECT interval '1 day 2 hours'"] },
  setting('SET application_name', 'application_name', "SET application_name = 'job 7'"),
  setting('SET search_path', 'search_path', 'SET search_path = own, "$user", public'),
  setting('SET search_path to nothing', 'search_path', "SET search_path = ''"),
  { name: 'SET NAMES', make: ["SET NAMES 'LATIN1'"], probe: ['SHOW client_encoding', 'SELECT chr(228)'] },
  setting('SET standard_conforming_strings', 'standard_conforming_strings', 'SET standard_conforming_strings = off'),
  setting(
    'SET SESSION CHARACTERISTICS AS READ ONLY',
    'transaction_read_only',
    'SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY',
  ),
];

const unreported: Change[] = [
  setting('SET work_mem', 'work_mem', "SET work_mem = '5MB'"),
  setting('SET SESSION statement_timeout', 'statement_timeout', "SET SESSION statement_timeout = '65s'"),
  setting('SET lock_timeout', 'lock_timeout', 'SET lock_timeout TO 7000'),
  setting('SET enable_seqscan', 'enable_seqscan', 'SET enable_seqscan TO off'),
  setting('SET enable_hashjoin, which the database turns off', 'enable_hashjoin', 'SET enable_hashjoin = on'),
  { name: 'SET extra_float_digits', make: ['SET extra_float_digits = 0'], probe: ['SELECT 0.1::float8 / 3'] },
  { name: 'SET bytea_output', make: ["SET bytea_output = 'escape'"], probe: ["SELECT '\\xff00'::bytea"] },
  setting('SET synchronous_commit', 'synchronous_commit', 'SET synchronous_commit = off'),
  setting('SET plan_cache_mode', 'plan_cache_mode', 'SET plan_cache_mode = force_custom_plan'),
  setting('SET session_replication_role', 'session_replication_role', 'SET session_replication_role = replica'),
  setting('SET row_security', 'row_security', 'SET row_security = off'),
  setting(
    'SET default_transaction_isolation',
    'transaction_isolation',
    "SET default_transaction_isolation = 'repeatable read'",
  ),
  setting(
    'SET SESSION CHARACTERISTICS AS SERIALIZABLE',
    'transaction_isolation',
    'SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  ),
  setting('SET LOCAL', 'work_mem', "SET LOCAL work_mem = '5MB'"),
  setting('SET LOCAL over SET', 'work_mem', "SET work_mem = '5MB'", "SET LOCAL work_mem = '6MB'"),
  setting('SET TRANSACTION', 'transaction_isolation', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'),
  setting('two SETs of one parameter', 'work_mem', "SET work_mem = '5MB'", "SET work_mem = '7MB'"),
  setting('a SET between comments', 'work_mem', "/* first */ sEt/**/work_mem/* = '1MB' */=\n'5MB' -- last"),
];

const taken: Change[] = [
  { ...setting('SET TO DEFAULT', 'work_mem', 'SET work_mem TO DEFAULT'), before: ["SET work_mem = '5MB'"] },
  { ...setting('RESET', 'work_mem', 'RESET work_mem'), before: ["SET work_mem = '5MB'"] },
  { ...setting('RESET TIME ZONE', 'TimeZone', 'RESET TIME ZONE'), before: ["SET TimeZone = 'Asia/Tokyo'"] },
  {
    name: 'RESET ALL',
    make: ['RESET ALL'],
    before: ["SET work_mem = '5MB'", "SET TimeZone = 'Asia/Tokyo'", "SET app.tenant = 'a'", 'SET enable_hashjoin = on'],
    probe: [WORK_MEM, 'SHOW TimeZone', TENANT, 'SHOW enable_hashjoin'],
  },
  {
    ...setting('RESET in a session that asked at its login', 'work_mem', 'RESET work_mem'),
    login: { work_mem: '9MB' },
    before: ["SET work_mem = '5MB'"],
  },
  {
    name: 'RESET ALL in a session that asked at its login',
    make: ['RESET ALL'],
    login: { options: '-c work_mem=9MB -c app.tenant=start', application_name: 'mine' },
    before: ["SET work_mem = '5MB'", "SET app.tenant = 'a'", "SET application_name = 'other'"],
    probe: [WORK_MEM, TENANT, 'SHOW application_name'],
  },
  {
    name: 'startup options',
    make: ['SELECT 1'],
    login: { options: '-c work_mem=9MB --enable-seqscan=off -c app.tenant=start\\ here' },
    probe: [WORK_MEM, 'SHOW enable_seqscan', TENANT],
    ownProbe: ['RESET work_mem', WORK_MEM],
  },
  {
    name: 'SET over startup parameters',
    make: ["SET work_mem = '5MB'", "SET DateStyle = 'German'"],
    login: { work_mem: '9MB', DateStyle: 'SQL, DMY', client_encoding: 'LATIN1', TimeZone: 'Asia/Tokyo' },
    probe: [WORK_MEM, 'SHOW DateStyle', 'SELECT chr(228)', 'SHOW TimeZone'],
    ownProbe: ['RESET ALL', WORK_MEM, 'SHOW DateStyle', 'SELECT chr(228)'],
  },
];

const region = (name: string, ...make: Step[]): Change => setting(name, 'app.region', ...make);
const setConfig = "set_config('app.tenant', 'acme', false)";
const viaSetConfig: Change[] = [
  custom('SET app.tenant', "SET app.tenant = 'acme'"),
  custom('SET LOCAL app.tenant', "SET LOCAL app.tenant = 'acme'"),
  custom('SET of a value with quotes and a backslash', "SET app.tenant = E'a''b\\\\c\"ä'"),
  region('SET of a custom parameter that the database sets', "SET app.region = 'south'"),
  {
    ...region('RESET of a custom parameter that the database sets', 'RESET app.region'),
    before: ["SET app.region = 'south'"],
  },
  custom('set_config()', `SELECT ${setConfig}`),
  custom('set_config() for the transaction', "SELECT set_config('app.tenant', 'acme', true)"),
  custom('set_config() with bound values', {
    sql: 'SELECT set_config($1, $2, $3::bool)',
    values: ['app.tenant', 'acme', 'f'],
  }),
  custom('set_config() for the transaction, with bound values', {
    sql: 'SELECT set_config($1, $2, $3::bool)',
    values: ['app.tenant', 'acme', 't'],
  }),
  custom('set_config() with a name in quotes', `SELECT "pg_catalog" . "set_config"('app.tenant', 'acme', false)`),
  custom('set_config() with an escaped name', `SELECT U&"set\\005fconfig"('app.tenant', 'acme', false)`),
  custom('set_config() by a SQL function', "SELECT set_by_sql('app.tenant', 'acme')"),
  custom('set_config() by a plpgsql function', "SELECT set_by_plpgsql('app.tenant', 'acme')"),
  custom('set_config() by DO', `DO $$ BEGIN PERFORM ${setConfig}; END $$`),
  custom('set_config() by CALL', "CALL set_by_procedure('app.tenant', 'acme')"),
  { ...custom('CALL that commits', "CALL set_and_commit('app.tenant', 'acme')"), inTransaction: false },
  custom(
    'SET that DO takes back',
    "DO $$ BEGIN SET app.tenant = 'acme'; RAISE 'no'; EXCEPTION WHEN others THEN END $$",
  ),
  custom('set_config() by COPY', `COPY (SELECT ${setConfig}) TO STDOUT`),
  custom(
    'set_config() by EXPLAIN ANALYZE',
    `EXPLAIN (ANALYZE, TIMING off, SUMMARY off, COSTS off) SELECT ${setConfig}`,
  ),
  custom('set_config() by a function call message', {
    send: functionCall(SET_CONFIG_OID, ['app.tenant', 'acme', 'f']),
  }),
  { ...custom('set_config() by EXECUTE', 'EXECUTE setter'), before: [`PREPARE setter AS SELECT ${setConfig}`] },
  custom('set_config() by FETCH', `DECLARE setting CURSOR FOR SELECT ${setConfig}`, 'FETCH setting'),
  setting('UPDATE pg_settings', 'work_mem', "UPDATE pg_settings SET setting = 5120 WHERE name = 'work_mem'"),
];

/** Nothing in the text says that a function is called. */
const hidden: Change[] = [
  custom('set_config() behind a view', 'SELECT * FROM setter'),
  custom('set_config() behind a trigger', 'INSERT INTO trapped VALUES (1)'),
  custom('set_config() behind an operator', "SELECT 'app.tenant' ==> 'acme'"),
  custom('set_config() behind a cast', "SELECT 'acme'::text::tenant"),
  custom('set_config() behind a column default', 'INSERT INTO defaulted DEFAULT VALUES'),
];

const who = (name: string, ...make: Step[]): Change => ({ name, make, probe: [WHO, 'SHOW is_superuser'] });
const roles: Change[] = [
  who('SET ROLE', 'SET ROLE matrix_reader'),
  who('SET LOCAL ROLE', 'SET LOCAL ROLE matrix_reader'),
  who('set_config() of role', "SELECT set_config('role', 'matrix_reader', false)"),
  who('SET SESSION AUTHORIZATION', 'SET SESSION AUTHORIZATION matrix_reader'),
  who('SET SESSION AUTHORIZATION, then SET ROLE', 'SET SESSION AUTHORIZATION matrix_reader', 'SET ROLE matrix_group'),
  { ...who('RESET ROLE', 'RESET ROLE'), before: ['SET ROLE matrix_reader'] },
  { ...who('SET ROLE NONE', 'SET ROLE NONE'), before: ['SET ROLE matrix_reader'] },
  { ...who('RESET ALL, which leaves the role', 'RESET ALL'), before: ['SET ROLE matrix_reader'] },
  {
    ...who('RESET SESSION AUTHORIZATION', 'RESET SESSION AUTHORIZATION'),
    before: ['SET SESSION AUTHORIZATION matrix_reader'],
  },
  {
    name: 'SET ROLE over a parameter that the role may not set',
    make: ['SET session_replication_role = replica', 'SET ROLE matrix_reader'],
    probe: [WHO, 'SHOW session_replication_role'],
  },
];

export const CHANGES_OF_PARAMETERS: readonly Change[] = [
  ...reported,
  ...unreported,
  ...taken,
  ...viaSetConfig,
  ...hidden,
  ...roles,
];
