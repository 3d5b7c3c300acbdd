// Who is let in and with what, on both sides of the pooler, against a Postgres that asks for each kind of password.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ConfigTree, startPooler, type TestPooler } from '../support/pooler.ts';
import { queryOn, usePrivatePostgres } from '../support/postgres.ts';
import { connectAndLogin, types, WireError } from '../support/wire.ts';

const own = usePrivatePostgres();
const SERVER_METHODS = ['trust', 'password', 'md5', 'scram-sha-256'] as const;
const PASSWORD = 'öpen "sesame" 1';
let target: Parameters<typeof startPooler>[0];
/** As Postgres stores them. */
let secrets: Record<string, string>;
let folder: string;

const roleOf = (method: string) => `by_${method.replaceAll('-', '_')}`;
const md5Of = (role: string) =>
  `md5${createHash('md5')
    .update(PASSWORD + role)
    .digest('hex')}`;

beforeAll(async () => {
  const { host, port, user, password, hba } = own.current;
  target = { host, port, user, password, database: 'postgres' };
  folder = mkdtempSync(join(tmpdir(), 'pgsluice-login-'));
  for (const method of SERVER_METHODS) {
    const encryption = method === 'md5' ? 'md5' : 'scram-sha-256';
    await queryOn(
      target,
      `SET password_encryption = '${encryption}'; CREATE ROLE ${roleOf(method)} LOGIN PASSWORD '${PASSWORD}'`,
    );
  }
  const lines = SERVER_METHODS.map((method) => `host all ${roleOf(method)} ${host}/32 ${method}`);
  await hba.call(own.current, [...lines, `host all all ${host}/32 scram-sha-256`]);
  const rows = await queryOn<{ rolname: string; rolpassword: string }>(
    target,
    'SELECT rolname, rolpassword FROM pg_authid',
  );
  secrets = Object.fromEntries(rows.map((row) => [row.rolname, row.rolpassword]));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs with a pooler of its own. */
async function withPooler(settings: ConfigTree, body: (pooler: TestPooler) => Promise<void>): Promise<void> {
  const pooler = await startPooler(target, settings);
  try {
    await body(pooler);
    await pooler.expectInvariants();
  } finally {
    await pooler.stop();
  }
}

async function expectServed(pooler: TestPooler, user: string, password = PASSWORD): Promise<void> {
  const client = await pooler.connect({ user, password });
  expect(await client.rows('SELECT current_user')).toEqual([[user]]);
  await client.end();
}

async function refusal(pooler: TestPooler, login: Parameters<TestPooler['connect']>[0]) {
  const error = await pooler.connect(login).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(WireError);
  return (error as WireError).fields;
}

describe.each(['trust', 'any', 'plain', 'md5', 'scram-sha-256'])('clients by %s', (auth_type) => {
  const roles = SERVER_METHODS.map(roleOf);
  const users = () => Object.fromEntries(roles.map((role) => [role, { password: PASSWORD }]));

  test('log in to servers by every method, with a plain secret', () =>
    withPooler({ auth_type, users: users() }, async (pooler) => {
      for (const role of roles) await expectServed(pooler, role);
    }));

  test('and a wrong password is 28P01, in the same words as for a user that does not exist', async () => {
    if (auth_type === 'any') return;
    await withPooler({ auth_type, users: users() }, async (pooler) => {
      const unknown = await refusal(pooler, { user: 'nobody', password: PASSWORD });
      expect(unknown).toMatchObject({ S: 'FATAL', C: '28P01', M: 'password authentication failed for user "nobody"' });
      if (auth_type === 'trust') return;
      const wrong = await refusal(pooler, { user: roles[0]!, password: 'wrong' });
      expect(wrong).toEqual({ ...unknown, M: `password authentication failed for user "${roles[0]}"` });
      await expectServed(pooler, roles[0]!);
    });
  });

  test('log in with secrets as Postgres stores them, from YAML and from userlist.txt', async () => {
    const [md5, scram] = [roleOf('md5'), roleOf('scram-sha-256')];
    const stored = { [md5]: secrets[md5]!, [scram]: secrets[scram]! };
    expect(stored[md5]).toBe(md5Of(md5));
    const auth_file = join(folder, `${auth_type}.txt`);
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const lines = Object.entries(stored).map(([name, secret]) => `${quote(name)} ${quote(secret)}`);
    writeFileSync(auth_file, ['; made by hand', ...lines].join('\n'));
    const fromYaml = Object.fromEntries(Object.entries(stored).map(([name, password]) => [name, { password }]));
    for (const settings of [{ users: fromYaml }, { users: {}, auth_file }]) {
      await withPooler({ auth_type, ...settings }, async (pooler) => {
        // What we can give Postgres: the md5 hash itself, and the SCRAM keys that the client's own login taught us.
        if (auth_type !== 'scram-sha-256') await expectServed(pooler, md5);
        else expect((await refusal(pooler, { user: md5, password: PASSWORD })).C).toBe('28P01');
        const learnsKeys = auth_type !== 'trust' && auth_type !== 'any';
        if (learnsKeys) await expectServed(pooler, scram);
        else expect((await refusal(pooler, { user: scram, password: PASSWORD })).C).toMatch(/^28/);
      });
    }
  });
});

test('a password that Postgres does not know: its own words, at once, and nobody else is harmed', () =>
  withPooler(
    { users: { [roleOf('md5')]: { password: 'stale' }, [roleOf('scram-sha-256')]: { password: PASSWORD } } },
    async (pooler) => {
      const role = roleOf('md5');
      for (let i = 0; i < 3; i += 1) {
        const startedAt = performance.now();
        const fields = await refusal(pooler, { user: role, password: 'stale' });
        expect(fields).toMatchObject({ S: 'FATAL', C: '28P01' });
        expect(fields.M).toContain(`password authentication failed for user "${role}"`);
        expect(performance.now() - startedAt).toBeLessThan(1_500);
        await expectServed(pooler, roleOf('scram-sha-256'));
      }
      expect(JSON.stringify(pooler.log)).not.toContain('stale');
    },
  ));

test('no such database is said behind the password only, and by Postgres where the entry exists', async () => {
  const { host, port, user, password } = own.current;
  const databases = { known: { host, port }, postgres: { host, port } };
  await withPooler({ databases, users: { [user]: { password } } }, async (pooler) => {
    expect(await refusal(pooler, { database: 'unknown' })).toMatchObject({
      C: '3D000',
      M: 'no such database: unknown',
    });
    expect((await refusal(pooler, { database: 'unknown', password: 'wrong' })).C).toBe('28P01');
    const fields = await refusal(pooler, { database: 'known' });
    expect(fields).toMatchObject({ S: 'FATAL', C: '3D000' });
    expect(fields.M).toContain('database "known" does not exist');
  });
});

test('an entry may name another database, force a user, and run a connect_query; "*" takes the rest', async () => {
  const { host, port, user, password } = own.current;
  await queryOn(target, 'CREATE DATABASE elsewhere');
  const forced = { user: roleOf('md5'), password: md5Of(roleOf('md5')) };
  const databases = {
    alias: { host, port, dbname: 'elsewhere' },
    forced: { host, port, dbname: 'postgres', ...forced, connect_query: "SET statement_timeout = '7s'; SELECT 1" },
    broken: { host, port, dbname: 'postgres', connect_query: 'SELECT nothing' },
    '*': { host, port },
  };
  await withPooler({ databases, users: { [user]: { password } }, query_wait_timeout: '1s' }, async (pooler) => {
    const ask = async (database: string, sql: string) => {
      const client = await pooler.connect({ database });
      const rows = await client.rows(sql);
      await client.end();
      return rows;
    };
    expect(await ask('alias', 'SELECT current_database()')).toEqual([['elsewhere']]);
    expect(await ask('elsewhere', 'SELECT current_database(), current_user')).toEqual([['elsewhere', user]]);
    expect(await ask('forced', 'SELECT current_user')).toEqual([[forced.user]]);
    expect(await ask('forced', 'SHOW statement_timeout')).toEqual([['7s']]);
    expect((await refusal(pooler, { database: 'nowhere' })).M).toContain('database "nowhere" does not exist');
    expect((await refusal(pooler, { database: 'broken' })).C).toMatch(/^(42703|53300)$/);
  });
});

const parameterSets: Record<string, string>[] = [
  {},
  { TimeZone: 'America/New_York', DateStyle: 'German' },
  { timezone: 'Asia/Tokyo', datestyle: 'SQL, DMY', intervalstyle: 'iso_8601' },
  { application_name: 'it\'s \\ "quoted"', client_encoding: 'LATIN1' },
  { application_name: 'ünï', extra_float_digits: '3' },
  { options: '-c geqo=off -c statement_timeout=7s --work-mem=8MB -cTimeZone=UTC' },
  { options: '-c search_path=pg_catalog,\\ "My\\ Schema" -c application_name=a\\ b\\\\c' },
  { options: '-c default_transaction_read_only=on', 'myapp.tenant': 'x y', standard_conforming_strings: 'off' },
  { replication: 'off', DateStyle: 'ISO' },
];

test('a client is told what Postgres itself would have told it, and has it, whatever it asks for at login', () =>
  withPooler({ default_pool_size: 1 }, async (pooler) => {
    const shown = [
      'TimeZone',
      'DateStyle',
      'IntervalStyle',
      'application_name',
      'client_encoding',
      'extra_float_digits',
    ];
    shown.push('geqo', 'statement_timeout', 'work_mem', 'search_path', 'default_transaction_read_only');
    const sql = `SELECT current_setting('myapp.tenant', true), ${shown.map((name) => `current_setting('${name}')`)}`;
    // Twice: the second round is answered from memory, on a server that was another client's in between.
    for (const params of [...parameterSets, ...parameterSets]) {
      const direct = await connectAndLogin(target.port, { ...target, params });
      const client = await pooler.connect({ params });
      expect(client.session.parameters).toEqual(direct.session.parameters);
      const [expected, seen] = [await direct.rows(sql), await client.rows(sql)];
      expect([[seen[0]?.[0] || null, ...seen[0]!.slice(1)]]).toEqual(expected);
      await Promise.all([direct.end(), client.end()]);
    }
  }));

test('a startup parameter that Postgres does not take is refused in its words, and costs no server', () =>
  withPooler({ default_pool_size: 1 }, async (pooler) => {
    await expectServed(pooler, pooler.user, pooler.password);
    const before = pooler.pool().stats.serverLoginCount;
    const invalid = [
      { TimeZone: 'Nowhere/Land' },
      { DateStyle: 'bad' },
      { client_encoding: 'nope' },
      { no_such: '1' },
      { options: '-c work_mem=lots' },
      { max_connections: '7' },
      { application_name: 'good', 'bad name': 'x' },
    ];
    for (const params of invalid) {
      const refused = await connectAndLogin(target.port, { ...target, params }).catch((e: WireError) => e);
      const { S, C, M } = (refused as WireError).fields;
      expect(await refusal(pooler, { params: params as Record<string, string> })).toMatchObject({ S, C, M });
    }
    await expectServed(pooler, pooler.user, pooler.password);
    expect(pooler.pool().stats.serverLoginCount).toBe(before);
  }));

test('the limits of clients are told before and behind the password, and end when somebody leaves', async () => {
  const { host, port, user, password } = own.current;
  const databases = { postgres: { host, port, max_db_client_connections: 2 }, template1: { host, port } };
  const settings = { databases, users: { [user]: { password, max_user_client_connections: 3 } }, max_client_conn: 4 };
  await withPooler(settings, async (pooler) => {
    const [first] = await Promise.all([pooler.connect(), pooler.connect()]);
    expect(await refusal(pooler, {})).toMatchObject({
      C: '53300',
      M: expect.stringContaining('max_db_client_connections'),
    });
    const other = await pooler.connect({ database: 'template1' });
    const ofUser = await refusal(pooler, { database: 'template1' });
    expect(ofUser).toMatchObject({ C: '53300', M: expect.stringContaining('max_user_client_connections') });
    const console = await pooler.connect({ database: 'pgsluice' });
    const full = await refusal(pooler, { database: 'template1', password: 'wrong' });
    expect(full).toMatchObject({ C: '53300', M: expect.stringContaining('max_client_conn') });
    // The console stays open when nothing else is.
    expect(types(await console.query('SHOW VERSION'))).toBe('TDCZ');
    await Promise.all([console.end(), first.end(), other.end()]);
    await expectServed(pooler, user, password);
  });
});
