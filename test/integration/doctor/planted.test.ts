// `pgsluice doctor` finds what is wrong between a configuration and a real Postgres, each case planted alone.
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { usePrivatePostgres } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { type Case, examine, onPostgres, prepare } from './setting.ts';

const postgres = usePrivatePostgres();
beforeAll(() => prepare(postgres.current));

const role = (name: string, value: string) => ({
  sql: [`ALTER ROLE web SET ${name} = '${value}'`],
  undo: [`ALTER ROLE web RESET ${name}`],
});
const secretOf = (user: string) =>
  `SCRAM-SHA-256$4096:${Buffer.from(user.padEnd(16)).toString('base64')}$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;
const md5Of = (user: string, password: string) => `md5${createHash('md5').update(`${password}${user}`).digest('hex')}`;
/** Somebody who may look into pg_authid. */
const ASKER = {
  sql: ['GRANT SELECT ON pg_authid TO asker'],
  undo: ['REVOKE SELECT ON pg_authid FROM asker'],
  settings: { auth_user: 'asker' },
  users: { asker: { password: 'asker' } },
};
const MD5 = {
  sql: [`ALTER ROLE web PASSWORD '${md5Of('web', 'web')}'`],
  undo: ["ALTER ROLE web PASSWORD 'web'"],
};
// Of a line with md5 Postgres asks for SCRAM where it has a SCRAM secret.
const GOOD_HBA = ['host all all 127.0.0.1/32 md5'];

const cases: Readonly<Record<string, Case>> = {
  'replicas times pools are more than max_connections': {
    rule: 'max-connections',
    severity: 'error',
    says: /^6 replicas x \(shop\/web 20\) = 120 connections; .* has room for 97: max_connections 100, less 3 reserved, less 0 /,
    told: { replicas: 6 },
  },
  'replicas times pools leave nothing for a rolling restart': {
    rule: 'max-connections',
    severity: 'warning',
    says: /= 93 connections/,
    settings: { default_pool_size: 31 },
    told: { replicas: 3 },
  },
  'the role has a CONNECTION LIMIT below the pool': {
    rule: 'role-connection-limit',
    severity: 'error',
    says: /= 20 connections; CONNECTION LIMIT of the role is 7/,
    sql: ['ALTER ROLE web CONNECTION LIMIT 7'],
    undo: ['ALTER ROLE web CONNECTION LIMIT -1'],
  },
  'the database has a CONNECTION LIMIT below the pool': {
    rule: 'database-connection-limit',
    severity: 'error',
    says: /= 40 connections; CONNECTION LIMIT of the database is 30/,
    sql: ['ALTER DATABASE shop CONNECTION LIMIT 30'],
    undo: ['ALTER DATABASE shop CONNECTION LIMIT -1'],
    told: { replicas: 2 },
  },
  'the pool logs in as a superuser': {
    rule: 'superuser-pool',
    severity: 'warning',
    says: /as postgres/,
    database: { user: 'postgres', password: 'postgres' },
  },
  'the reserve comes after the wait has ended': {
    rule: 'reserve-too-late',
    severity: 'warning',
    says: /after 15000 ms .* after 10000 ms/,
    settings: { reserve_pool_size: 5, reserve_pool_timeout: '15s' },
  },
  'statement_timeout is longer than query_timeout': {
    rule: 'statement-timeout-order',
    severity: 'warning',
    says: /60000 ms, query_timeout is 30000 ms/,
    ...role('statement_timeout', '60s'),
    settings: { query_timeout: '30s' },
  },
  'Postgres ends idle transactions before the pooler does': {
    rule: 'idle-in-transaction-order',
    severity: 'warning',
    says: /is 10000 ms, idle_transaction_timeout is 60000 ms/,
    ...role('idle_in_transaction_session_timeout', '10s'),
  },
  'Postgres closes idle sessions before the pooler does': {
    rule: 'idle-session-order',
    severity: 'warning',
    says: /is 300000 ms, server_idle_timeout is 600000 ms/,
    ...role('idle_session_timeout', '5min'),
  },
  'nobody ends an idle transaction': {
    rule: 'no-idle-transaction-limit',
    severity: 'warning',
    says: /leaks are not taken back/,
    settings: { idle_transaction_timeout: 0, leak_reclaim: 'never' },
  },
  'clients may wait without an end': {
    rule: 'no-wait-limit',
    severity: 'warning',
    says: /query_wait_timeout is 0/,
    settings: { query_wait_timeout: 0 },
  },
  'servers live for seconds': {
    rule: 'lifetime-too-short',
    severity: 'warning',
    says: /5000 ms/,
    settings: { server_lifetime: '5s' },
  },
  'encryption is required and Postgres has none': {
    rule: 'tls-not-offered',
    severity: 'error',
    says: /is require, and Postgres offers no encryption/,
    settings: { server_tls_sslmode: 'require' },
  },
  'channel binding is required without encryption': {
    rule: 'channel-binding',
    severity: 'error',
    says: /nothing|no encryption/,
    settings: { server_tls_channel_binding: 'require' },
  },
  'the password is wrong': {
    rule: 'login-refused',
    severity: 'error',
    says: /password authentication failed for user "web" \(28P01\)/,
    database: { password: 'other' },
  },
  'the database does not exist': {
    rule: 'login-refused',
    severity: 'error',
    says: /database "shopp" does not exist \(3D000\)/,
    database: { dbname: 'shopp' },
  },
  'nobody listens on the port': {
    rule: 'unreachable',
    severity: 'error',
    says: /127\.0\.0\.1:1 can not be reached: .*\(ECONNREFUSED\)/,
    database: { port: 1 },
  },
  'the name of the host does not exist': {
    rule: 'dns',
    severity: 'error',
    says: /the name db\.invalid is not found/,
    database: { host: 'db.invalid' },
  },
  'the password expires': {
    rule: 'password-expiry',
    severity: 'warning',
    says: /VALID UNTIL of web is /,
    sql: ["DO $$ BEGIN EXECUTE format('ALTER ROLE web VALID UNTIL %L', now() + interval '3 days'); END $$"],
    undo: ["ALTER ROLE web VALID UNTIL 'infinity'"],
  },
  'Postgres will store the next password as md5': {
    rule: 'password-encryption',
    severity: 'warning',
    says: /is md5/,
    ...role('password_encryption', 'md5'),
  },
  'our SCRAM secret is another than that of Postgres': {
    rule: 'scram-secret-differs',
    severity: 'error',
    says: /SCRAM secret of web is not the one/,
    database: { user: 'web', password: secretOf('web') },
    ...ASKER,
  },
  'Postgres keeps a password as md5, which the login tells': {
    rule: 'md5-in-postgres',
    severity: 'warning',
    says: /password of web as an md5 hash/,
    ...MD5,
  },
  'our secret is an md5 hash and that of Postgres a SCRAM secret': {
    rule: 'md5-against-scram',
    severity: 'error',
    says: /Our secret of web is an md5 hash, Postgres has a SCRAM secret/,
    database: { user: 'web', password: md5Of('web', 'web') },
    ...ASKER,
  },
  'our secret is a SCRAM secret and that of Postgres an md5 hash': {
    rule: 'scram-against-md5',
    severity: 'error',
    says: /Our secret of web is a SCRAM secret, Postgres has an md5 hash/,
    database: { user: 'web', password: secretOf('web') },
    ...ASKER,
    sql: [...ASKER.sql, ...MD5.sql],
    undo: [...MD5.undo, ...ASKER.undo],
  },
  'our md5 hash is another than that of Postgres': {
    rule: 'md5-secret-differs',
    severity: 'error',
    says: /Our md5 hash of web is not the one that Postgres has: another password/,
    database: { user: 'web', password: md5Of('web', 'other') },
    ...ASKER,
    sql: [...ASKER.sql, ...MD5.sql],
    undo: [...MD5.undo, ...ASKER.undo],
  },
  'pg_hba.conf asks for the password in the clear': {
    rule: 'password-in-the-clear',
    severity: 'warning',
    says: /asks web for the password itself, and the connection is not encrypted/,
    hba: ['host all web 127.0.0.1/32 password', ...GOOD_HBA],
  },
  'pg_hba.conf has no line for the user': {
    rule: 'login-refused',
    severity: 'error',
    says: /pg_hba\.conf rejects connection .*user "web".*\(28000\)/,
    hba: ['host all web 127.0.0.1/32 reject', ...GOOD_HBA],
  },
  'the role may not log in': {
    rule: 'login-refused',
    severity: 'error',
    says: /role "web" is not permitted to log in \(28000\)/,
    sql: ['ALTER ROLE web NOLOGIN'],
    undo: ['ALTER ROLE web LOGIN'],
  },
  'the role may not connect to the database': {
    rule: 'login-refused',
    severity: 'error',
    says: /permission denied for database "shop" \(42501\)/,
    sql: ['ALTER DATABASE shop OWNER TO postgres', 'REVOKE CONNECT ON DATABASE shop FROM PUBLIC'],
    undo: ['ALTER DATABASE shop OWNER TO web', 'GRANT CONNECT ON DATABASE shop TO PUBLIC'],
  },
  'there is no socket of Postgres in the folder': {
    rule: 'unreachable',
    severity: 'error',
    says: /\/nowhere:\d+ can not be reached: .*\(ENOENT\)/,
    database: { host: '/nowhere' },
  },
  'auth_user may not run auth_query': {
    rule: 'auth-query',
    severity: 'error',
    says: /auth_query fails as asker: permission denied for table pg_authid/,
    settings: { auth_user: 'asker' },
    users: { asker: { password: 'asker' } },
  },
  'connect_query fails': {
    rule: 'connect-query',
    severity: 'error',
    says: /relation "nowhere" does not exist/,
    database: { connect_query: 'SELECT * FROM nowhere' },
  },
  'the database is read-only': {
    rule: 'read-only',
    severity: 'warning',
    says: /default_transaction_read_only/,
    sql: ['ALTER DATABASE shop SET default_transaction_read_only = on'],
    undo: ['ALTER DATABASE shop RESET default_transaction_read_only'],
  },
  'prepared statements are planned anew each time': {
    rule: 'plan-cache-mode',
    severity: 'warning',
    says: /force_custom_plan, max_prepared_statements is 200/,
    ...role('plan_cache_mode', 'force_custom_plan'),
  },
  'more clients are allowed than files': {
    rule: 'open-files',
    severity: 'warning',
    says: /max_client_conn 1000000 \+ 20 servers \+ 64 of our own = 1000084 open files; the limit is \d+/,
    settings: { max_client_conn: 1_000_000 },
  },
  'the container has less memory than its clients take': {
    rule: 'memory',
    severity: 'warning',
    says: /may have 128 MB/,
    machine: { 'sys/fs/cgroup/memory.max': '134217728\n' },
  },
  'the container has a tenth of a core': {
    rule: 'cpu-quota',
    severity: 'warning',
    says: /0\.1 of a core/,
    machine: { 'sys/fs/cgroup/cpu.max': '10000 100000\n' },
  },
  "the application's pools are larger than max_client_conn": {
    rule: 'app-over-max-client-conn',
    severity: 'error',
    says: /8 x 200 = 1600 connections of the application; max_client_conn is 1000/,
    told: { appPoolSize: 200, appInstances: 8 },
  },
  'session mode has fewer servers than the application connections': {
    rule: 'session-mode-too-small',
    severity: 'error',
    says: /8 x 10 = 80 .* the pool has 20 servers/,
    settings: { pool_mode: 'session' },
    told: { appPoolSize: 10, appInstances: 8 },
  },
  'min_pool_size is more than the application can use': {
    rule: 'more-servers-than-clients',
    severity: 'warning',
    says: /1 x 5 = 5 .* keeps 15 servers/,
    settings: { min_pool_size: 15 },
    told: { appPoolSize: 5 },
  },
  'a line of pg_hba.conf is wrong': {
    rule: 'hba-file',
    severity: 'warning',
    says: /1 wrong line, the first is line 2: /,
    database: { user: 'postgres', password: 'postgres' },
    hba: [...GOOD_HBA, 'host all all nonsense'],
  },
};

describe('the doctor finds that', () => {
  test.each(Object.entries(cases))('%s', async (_name, planted) => {
    const exitCodes: Partial<Record<string, number>> = { error: 3, warning: 2 };
    await onPostgres(postgres.current, ...(planted.sql ?? []));
    await postgres.current.hba(planted.hba ?? GOOD_HBA);
    try {
      const { code, findings, err } = await examine(postgres.current, temporaryDirectory(), planted);
      const found = findings.filter(({ rule }) => rule === planted.rule);
      expect({ found, findings, err }).toMatchObject({ found: [{ severity: planted.severity }] });
      expect(found[0]?.fact).toMatch(planted.says);
      expect(code).toBeGreaterThanOrEqual(exitCodes[planted.severity] ?? 0);
      expect(found[0]?.change).not.toBe('');
    } finally {
      await postgres.current.hba(GOOD_HBA);
      await onPostgres(postgres.current, ...(planted.undo ?? []));
    }
  });
});
