// `pgsluice doctor` where it may not look, or nobody is there: it says what it could not check and how to, and guesses nothing.
import { createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { POSTGRES_SETTING_NAMES } from '../../../src/doctor/postgres-settings.ts';
import { queryOn, usePrivatePostgres } from '../../support/postgres.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { testMajor } from '../../support/test-major.ts';
import { type Case, examine, MACHINE, onPostgres, prepare } from './setting.ts';

const postgres = usePrivatePostgres();
beforeAll(() => prepare(postgres.current));

async function diagnose(planted: Partial<Case>) {
  const { findings } = await examine(postgres.current, temporaryDirectory(), { machine: MACHINE, ...planted });
  return findings;
}

/** Major versions that had a setting first, those of them that are tested. */
const NEW: Readonly<Record<string, number>> = { reserved_connections: 16, transaction_timeout: 17 };
const lacking = Object.keys(NEW).filter((name) => NEW[name]! > testMajor());

test('what this version of Postgres lacks is told, each setting with what to do until it is there', async () => {
  const found = (await diagnose({})).filter(({ rule }) => rule === 'old-version');
  expect(found).toMatchObject(
    lacking.map((name) => ({
      severity: 'unchecked',
      fact: expect.stringContaining(`${name} came with PostgreSQL ${NEW[name]}, and this is ${testMajor()}`),
      change: expect.stringMatching(/^ask again after an upgrade; until then \w+/),
    })),
  );
});

test('the versions that are said to have a setting have it, and no other', async () => {
  const { host, port, user, password } = postgres.current;
  const rows = await queryOn<{ name: string }>(
    { host, port, user, password, database: 'shop' },
    'SELECT name FROM pg_settings WHERE name = ANY($1)',
    [POSTGRES_SETTING_NAMES],
  );
  const there = new Set(rows.map(({ name }) => name));
  expect(POSTGRES_SETTING_NAMES.filter((name) => !there.has(name))).toEqual(lacking);
});

interface Right {
  /** What is taken away, and given again. */
  readonly on: string;
  readonly says: RegExp;
  readonly how: RegExp;
  /** What is planted, and the rule that finds it as long as it may look. */
  readonly planted: Partial<Case>;
  readonly rule: string;
}

const rights: Readonly<Record<string, Right>> = {
  'the settings of Postgres': {
    on: 'SELECT ON pg_settings',
    says: /^The settings of Postgres: permission denied for (view|table) pg_settings/,
    how: /^GRANT SELECT ON pg_settings TO web {2}# in database shop/,
    planted: { settings: { idle_transaction_timeout: 0, leak_reclaim: 'never' } },
    rule: 'no-idle-transaction-limit',
  },
  'max_connections among them': {
    on: 'SELECT ON pg_settings',
    says: /^The settings of Postgres: permission denied/,
    how: /pg_settings/,
    planted: { told: { replicas: 6 } },
    rule: 'max-connections',
  },
  'who else is connected': {
    on: 'SELECT ON pg_stat_activity',
    says: /^How many connections others use, .*: permission denied for (view|table) pg_stat_activity/,
    how: /^SELECT .* FROM pg_stat_activity .*superuser/,
    planted: { told: { replicas: 6 } },
    rule: 'max-connections',
  },
  'limits of roles': {
    on: 'SELECT ON pg_roles',
    says: /^CONNECTION LIMIT and VALID UNTIL of roles.*: permission denied for (view|table) pg_roles/,
    how: /FROM pg_roles/,
    planted: { sql: ['ALTER ROLE web CONNECTION LIMIT 7'], undo: ['ALTER ROLE web CONNECTION LIMIT -1'] },
    rule: 'role-connection-limit',
  },
  'limits of databases': {
    on: 'SELECT ON pg_database',
    says: /^CONNECTION LIMIT of databases: permission denied for table pg_database/,
    how: /FROM pg_database/,
    planted: { sql: ['ALTER DATABASE shop CONNECTION LIMIT 7'], undo: ['ALTER DATABASE shop CONNECTION LIMIT -1'] },
    rule: 'database-connection-limit',
  },
  'whether the host is a standby': {
    on: 'EXECUTE ON FUNCTION pg_is_in_recovery()',
    says: /^Whether the host is a standby: web may not ask/,
    how: /^GRANT EXECUTE ON FUNCTION pg_is_in_recovery\(\) TO web/,
    planted: { settings: { target_session_attrs: 'standby' } },
    rule: 'no-host-fits',
  },
};

describe('a role that may not look at', () => {
  test.each(Object.entries(rights))('%s is told so, and no rule guesses', async (_name, right) => {
    const { planted, rule } = right;
    await onPostgres(postgres.current, ...(planted.sql ?? []));
    try {
      // With the right the rule finds it: else its silence below would tell nothing.
      expect((await diagnose(planted)).map((finding) => finding.rule)).toContain(rule);
      await onPostgres(postgres.current, `REVOKE ${right.on} FROM PUBLIC`);
      const findings = await diagnose(planted);
      expect(findings.map((finding) => finding.rule)).not.toContain(rule);
      expect(findings.filter(({ fact }) => right.says.test(fact))).toMatchObject([
        { rule: 'no-right', severity: 'unchecked', change: expect.stringMatching(right.how) },
      ]);
      expect(findings.filter(({ severity }) => severity === 'error')).toEqual([]);
    } finally {
      await onPostgres(postgres.current, `GRANT ${right.on} TO PUBLIC`, ...(planted.undo ?? []));
    }
  });

  test('pg_hba.conf and the secrets of pg_authid is told so, with the question for a superuser', async () => {
    const secret = `md5${'0'.repeat(32)}`;
    const findings = await diagnose({
      settings: { auth_user: 'asker', auth_query: 'SELECT $1::text, NULL' },
      users: { asker: { password: 'asker' } },
      database: { password: secret },
    });
    const unseen = findings.filter(({ rule }) => rule === 'no-right');
    expect(unseen).toMatchObject([
      {
        fact: expect.stringMatching(/^Whether pg_hba\.conf has wrong lines: permission denied/),
        change: 'SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL  # as a superuser',
      },
      {
        fact: expect.stringMatching(/^Whether our secret of web is that of Postgres: permission denied/),
        change: "SELECT rolpassword FROM pg_authid WHERE rolname = 'web'  # as a superuser",
      },
    ]);
    expect(JSON.stringify(findings)).not.toContain(secret);
  });
});

describe('a Postgres that nobody gets to', () => {
  let silent: Server;
  beforeAll(async () => {
    silent = createServer(() => {});
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done));
  });
  afterAll(() => silent.close());
  const silentPort = () => (silent.address() as { port: number }).port;

  const unreached: Readonly<Record<string, () => { planted: Partial<Case>; rule: string; says: RegExp; how: RegExp }>> =
    {
      'because the name is not found': () => ({
        planted: { database: { host: 'db.invalid' } },
        rule: 'dns',
        says: /db\.invalid/,
        how: /^getent hosts db\.invalid/,
      }),
      'because nobody listens': () => ({
        planted: { database: { port: 1 } },
        rule: 'unreachable',
        says: /\(ECONNREFUSED\)/,
        how: /^psql 'host=127\.0\.0\.1 port=1 user=web dbname=shop'/,
      }),
      'because what listens does not answer': () => ({
        planted: { database: { port: silentPort() }, settings: { server_connect_timeout: '300ms' } },
        rule: 'unreachable',
        says: /no answer within 300 ms \(ETIMEDOUT\)/,
        how: /^psql /,
      }),
      'because the password is wrong': () => ({
        planted: { database: { password: 'other' } },
        rule: 'login-refused',
        says: /\(28P01\)/,
        how: /^psql /,
      }),
    };

  test.each(Object.entries(unreached))('%s is one error, and what was not looked at is told', async (_name, make) => {
    const { planted, rule, says, how } = make();
    const findings = await diagnose({ ...planted, told: { replicas: 1_000 } });
    expect(findings).toMatchObject([
      { rule, severity: 'error', fact: expect.stringMatching(says) },
      {
        rule: 'no-session',
        severity: 'unchecked',
        fact: expect.stringMatching(/room for the pools.*time limits.*pg_hba\.conf/),
        change: expect.stringMatching(how),
      },
    ]);
  });
});

test('a login that the doctor can not try is no error of Postgres, and is told with the way to try it', async () => {
  const scram = `SCRAM-SHA-256$4096:${Buffer.alloc(16).toString('base64')}$${'A'.repeat(43)}=:${'A'.repeat(43)}=`;
  const cases = [
    { database: { host: '@pgsluice-nowhere' }, how: /^psql 'host=@pgsluice-nowhere port=\d+ user=web dbname=shop'/ },
    { database: { password: scram }, how: /^users: \{ web: \{ password_env: … \} \} {2}# in a copy of the file/ },
  ];
  for (const { database, how } of cases) {
    const findings = await diagnose({ database, settings: { server_tls_sslmode: 'prefer' } });
    expect(findings.filter(({ severity }) => severity !== 'unchecked')).toEqual([]);
    expect(findings).toMatchObject([
      { rule: 'login', change: expect.stringMatching(how) },
      { rule: 'no-session', change: expect.stringMatching(/^psql /) },
    ]);
  }
});
