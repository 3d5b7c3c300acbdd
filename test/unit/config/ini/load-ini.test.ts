// A pgbouncer.ini as a configuration: what it means, what is refused, what is only told.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Config } from '../../../../src/config/config.ts';
import { parseIni } from '../../../../src/config/load.ts';
import { formatProblems } from '../../../../src/config/problems.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-ini-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function good(text: string): Config {
  const { result } = parseIni(text, 'p.ini', dir);
  if (!result.ok) expect.fail(formatProblems(result.problems));
  return result.config;
}

function bad(text: string): string[] {
  const { result } = parseIni(text, 'p.ini', dir);
  if (result.ok) expect.fail('the ini was accepted');
  return formatProblems(result.problems).split('\n');
}

const base = '[databases]\na = host=db\n[pgbouncer]\nlisten_addr = 127.0.0.1\n';

test('an ini that says little gets the defaults of PgBouncer where an application would notice the difference', () => {
  expect(good(base).settings).toMatchObject({
    auth_type: 'md5',
    idle_transaction_timeout: 0,
    pool_mode: 'session',
    query_wait_timeout: 120_000,
    max_client_conn: 10_000,
  });
});

test('numbers are what they are to PgBouncer: seconds, octal and hexadecimal, any number but 0 for yes', () => {
  const ini = `${base}query_timeout = 1.5e1\nserver_idle_timeout = .5\nlisten_port = 0x1f90\nmax_client_conn = 0144\nlog_connections = 2\nlog_disconnections = 0\n`;
  expect(good(ini).settings).toMatchObject({
    query_timeout: 15_000,
    server_idle_timeout: 500,
    listen_port: 8080,
    max_client_conn: 100,
    log_connections: true,
    log_disconnections: false,
  });
});

test('a pool without a limit is as large as can be', () => {
  const { settings, databases } = good(`[databases]\na = host=db pool_size=0\n[pgbouncer]\ndefault_pool_size = 0\n`);
  expect([settings.default_pool_size, databases.get('a')?.pool_size]).toEqual([262_143, 262_143]);
});

test('a database without a host is looked for where PgBouncer looks: in unix_socket_dir', () => {
  const hostOf = (more: string) => good(`[databases]\na =\n[pgbouncer]\n${more}\n`).databases.get('a')?.host;
  expect(hostOf('')).toBe('/tmp');
  expect(hostOf('unix_socket_dir = /run/pg')).toBe('/run/pg');
  expect(hostOf('unix_socket_dir =')).toBe('127.0.0.1');
});

test('entries of databases and users keep what they say, old names included', () => {
  const { databases, users } = good(
    `[databases]\na = host=db port=5433 dbname=x user=u password='p ''w' reserve_pool=3 pool_mode=transaction connect_query='SELECT ''1'''\n* = host=other\n[users]\nu = pool_size=5 pool_mode=statement\n[pgbouncer]\n`,
  );
  expect(databases.get('a')).toMatchObject({
    port: 5433,
    dbname: 'x',
    user: 'u',
    password: "p 'w",
    connect_query: "SELECT '1'",
    overrides: { reserve_pool_size: 3, pool_mode: 'transaction' },
  });
  expect(databases.get('*')).toMatchObject({ host: 'other' });
  expect(users.get('u')).toMatchObject({ pool_size: 5, overrides: { pool_mode: 'statement' } });
});

test('peers are carried over, and what is no peer is told', () => {
  const { settings, peers } = good(
    `${base}peer_id = 1\n[peers]\n1 = host=/run/one\n2 = host=two port=6433 pool_size=3\n`,
  );
  expect(settings.peer_id).toBe(1);
  expect([...peers.values()]).toEqual([
    { id: 1, host: '/run/one', port: 6432, pool_size: null },
    { id: 2, host: 'two', port: 6433, pool_size: 3 },
  ]);
  expect(bad('[peers]\n0 = host=x\none = host=x\n3 = port=1\n4 = host=x user=y\n')).toEqual([
    'p.ini:2:1: peers.0: the peer_id of another process is below the minimum, 1',
    'p.ini:3:1: peers.one: the peer_id of another process is not a whole number',
    'p.ini:4:1: peers.3: has no host',
    "p.ini:5:12: peers.4.user: can't stand here: it belongs at the top level or in an entry of databases:",
  ]);
});

test('nothing in an ini is looked up in the environment', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what stands there
  const ini = "[databases]\na = host=db user=u password='${HOME}'\n";
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what stands there
  expect(good(ini).databases.get('a')?.password).toBe('${HOME}');
});

test('auth_file is found beside the ini where it is not in the working directory', () => {
  writeFileSync(join(dir, 'users.txt'), '"u" "p"\n');
  const { result } = parseIni(`${base}auth_file = users.txt\n`, join(dir, 'p.ini'), dir);
  expect(result.ok && [...result.config.secrets]).toEqual([['u', 'p']]);
});

test('verbose becomes a log level', () => {
  const level = (n: number) => good(`${base}verbose = ${n}\n`).settings.log_level;
  expect([0, 1, 2, 3].map(level)).toEqual(['info', 'debug', 'trace', 'trace']);
});

test('the last of several included values counts, and that is told', () => {
  const part = join(dir, 'part.ini');
  writeFileSync(part, '[pgbouncer]\npool_mode = transaction\n');
  const { settings, warnings } = good(`${base}pool_mode = session\n%include ${part}\n`);
  expect(settings.pool_mode).toBe('transaction');
  expect(formatProblems(warnings)).toContain(`${part}:2:1: pool_mode: takes the place of the value in p.ini line 5`);
});

test('an ini that contradicts itself is refused as a whole, with every problem and its line', () => {
  const problems = bad(
    '[databases]\na = host=db pool_size=x\na = host=other\nb = host=db nonsense\n[pgbouncer]\npool_mode = sesion\npool_mod = session\nauth_type = trust\nlisten_addr = *\n[usres]\nx = 1\n',
  );
  expect(problems).toEqual([
    'p.ini:3:1: databases.a: stands here a second time, with another value than in line 2',
    'p.ini:4:13: databases.b: expected key=value',
    "p.ini:6:13: pool_mode: 'sesion' is not one of session, transaction, statement",
    "p.ini:7:1: pool_mod: unknown setting 'pool_mod', did you mean 'pool_mode'?",
    expect.stringContaining('p.ini:8:13: auth_type: auth_type trust asks for no password, and listen_addr *'),
    'p.ini:11:1: unknown section [usres], did you mean [users]?',
  ]);
});

test('what pgsluice would do otherwise than PgBouncer is an error, each with its line', () => {
  expect(bad(`${base}auth_type = hba\nauth_hba_file = nowhere\n`)).toEqual([
    'p.ini:6:17: auth_hba_file: the file cannot be read: ENOENT',
  ]);
});

test('what has no meaning here is a warning', () => {
  const { warnings } = good(`${base}pkt_buf = 8192\nunix_socket_dir = /x\nclient_tls_sslmode = disable\n`);
  expect(formatProblems(warnings)).toContain('p.ini:5:1: pkt_buf: has no effect: chunks are relayed');
  expect(formatProblems(warnings)).not.toContain('client_tls_sslmode');
});
