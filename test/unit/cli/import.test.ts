// `pgsluice import`: what it writes means what the ini means, and it says what is not in it.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ImportOptions, importIni } from '../../../src/cli/import.ts';
import type { Config } from '../../../src/config/config.ts';
import { loadConfig, parseConfig } from '../../../src/config/load.ts';
import { formatProblems } from '../../../src/config/problems.ts';
import { pgbouncerSamples } from '../../support/pgbouncer-samples.ts';
import { skipBecause } from '../../support/tools.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-import-'));
  writeFileSync(join(dir, 'users.txt'), '"u" "p ""w"""\n"v" "md5900150983cd24fb0d6963f7d28e17f72"\n');
});
afterAll(() => rmSync(dir, { recursive: true }));

function run(file: string, options: Partial<ImportOptions> = {}) {
  let [out, err] = ['', ''];
  const collect = { write: (text: string) => (out += text) };
  const all = { output: null, force: false, inlineUsers: false, ...options };
  const code = importIni(file, all, collect, { write: (text: string) => (err += text) });
  return { code, out, err };
}

function ini(text: string): string {
  const file = join(dir, 'p.ini');
  writeFileSync(file, text);
  return file;
}

function yamlConfig(text: string): Config {
  const result = parseConfig(text, { file: 'imported', env: {}, baseDir: dir });
  if (!result.ok) expect.fail(formatProblems(result.problems));
  return result.config;
}

/** What is in force, without where it came from. */
const meaning = ({ settings, databases, users, peers, secrets }: Config) => ({
  settings,
  peers: [...peers],
  databases: [...databases],
  users: [...users],
  secrets: [...secrets],
});

/** One of everything that can be carried over. */
const full = `
;; a comment
[databases]
plain =
app = host=db.internal port=5433 dbname=real user=forced password='p ''w' pool_size=7 reserve_pool=2 min_pool_size=1
tuned = host=/run/pg pool_mode=statement max_db_connections=9 server_lifetime=60 connect_query='SELECT ''{a: b}''' client_encoding=UTF8 datestyle=ISO timezone='Europe/Berlin' application_name='x # y'
* = host=10.0.0.1
[users]
u = pool_size=3 pool_mode=transaction max_user_connections=20 query_timeout=5 idle_transaction_timeout=1.5
[peers]
1 = host=/run/one
2 = host=two port=6433
[pgbouncer]
peer_id = 1
listen_addr = 127.0.0.1, ::1
listen_port = 6433
auth_file = users.txt
admin_users = u, v
ignore_startup_parameters = extra_float_digits, options
server_check_query = select 1
server_reset_query = DISCARD ALL; SELECT '\${HOME}: #'
query_timeout = 1.5
max_packet_size = 1048576
server_round_robin = 1
tcp_keepalive = 0
`;

test('the YAML means what the ini means', () => {
  const file = ini(full);
  const { code, out } = run(file);
  expect(code).toBe(0);
  const straight = loadConfig(file);
  if (!straight.ok) expect.fail(formatProblems(straight.problems));
  expect(meaning(yamlConfig(out))).toEqual(meaning(straight.config));
});

test('users and secrets of auth_file can be copied into the YAML', () => {
  const file = ini(full);
  const referenced = yamlConfig(run(file).out);
  const { out } = run(file, { inlineUsers: true });
  expect(out).not.toContain('auth_file');
  const { secrets, users } = yamlConfig(out);
  expect([...secrets]).toEqual([...referenced.secrets]);
  expect(users.get('u')).toMatchObject({ password: 'p "w"', pool_size: 3 });
});

test('values of PgBouncer that the ini relied on are written down, each beside the default of pgsluice', () => {
  const { out } = run(ini('[databases]\na = host=db\n[pgbouncer]\nlisten_addr = 127.0.0.1\n'));
  expect(out).toContain('pool_mode: session # pgsluice: transaction\n');
  expect(out).toContain('auth_type: md5 # pgsluice: scram-sha-256\n');
  expect(out).toContain('# max_client_conn: 10000 (PgBouncer: 100)\n');
});

test('what is not carried over is told with its line and a reason, in the file too, and makes exit code 2', () => {
  const file = ini(
    '[databases]\na = host=db\n[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_type = pam\nauth_ldap_options = x\n',
  );
  const { code, out, err } = run(file);
  expect(code).toBe(2);
  const told = [
    `auth_type (${file}:5): pam is not possible: PAM is not supported: Node has no binding that is safe to depend on`,
  ];
  for (const text of told) {
    expect(err).toContain(`not carried over: ${text}\n`);
    expect(out.replaceAll('\n#   ', ' ')).toContain(`# - ${text}`);
  }
  expect(err).toContain(`left out: auth_ldap_options (${file}:6)`);
  expect([...yamlConfig(out).databases.keys()]).toEqual(['a']);
});

test('an ini with a problem writes nothing and tells every problem with its line', () => {
  const file = ini('[databases]\na = host=db port=x\n[pgbouncer]\npool_mode = fast\nnonsense\n');
  const output = join(dir, 'none.yaml');
  const { code, out, err } = run(file, { output });
  expect([code, out, existsSync(output)]).toEqual([1, '', false]);
  expect(err).toBe(
    `${file}:2:18: databases.a.port: 'x' is not a whole number\n` +
      `${file}:4:13: pool_mode: 'fast' is not one of session, transaction, statement\n` +
      `${file}:5:1: expected [section], key = value, %include FILE, or a comment that starts with ;\n`,
  );
});

test('a file is written for its owner only, and one that is there stays unless --force is given', () => {
  const file = ini(full);
  const output = join(dir, 'out.yaml');
  expect(run(file, { output })).toMatchObject({ code: 0, out: '' });
  expect(statSync(output).mode & 0o777).toBe(0o600);
  writeFileSync(output, 'mine');
  expect(run(file, { output })).toMatchObject({ code: 1, err: `${output}: is there already; --force replaces it\n` });
  expect(readFileSync(output, 'utf8')).toBe('mine');
  expect(run(file, { output, force: true }).code).toBe(0);
  expect(yamlConfig(readFileSync(output, 'utf8')).settings.listen_port).toBe(6433);
});

test('an auth_file that can not be read here is a warning: the ini may come from another machine', () => {
  const { code, err } = run(ini(`${full}auth_file = /nowhere/users.txt\n`.replace('auth_file = users.txt\n', '')));
  expect(code).toBe(0);
  expect(err).toContain('auth_file: the file cannot be read: ENOENT (warning)');
});

test('no text of the ini reaches the terminal as it is', () => {
  const { err, out } = run(ini('[databases]\n"\u001b[31mx" = auth_user=\u001b]0;x\u0007 host=db\n[pgbouncer]\n'));
  expect(err + out).toContain('auth_user');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  expect(err + out).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
});

test("the sample files of PgBouncer's package are carried over whole", (context) => {
  const samples = pgbouncerSamples();
  if (samples.length === 0) skipBecause(context, 'pgbouncer: no sample of its package found (PGBOUNCER_SAMPLES)');
  for (const sample of samples) {
    const { code, out } = run(sample);
    expect([sample, code]).toEqual([sample, 0]);
    // The package's auth_file is for root alone.
    const written = yamlConfig(out.replace(/^auth_file: .*$/m, ''));
    expect(written.settings).toMatchObject({ listen_port: 6432, auth_type: 'md5', pool_mode: 'session' });
  }
});

/** Every line of the sample that is a setting in a comment, made one that counts. */
function withCommentsOpened(text: string): string {
  return text.replace(/^;(?=[a-z_0-9]+ = ?)/gm, '');
}

test("the samples are read with their commented settings, too: every problem is one of this version's limits", (context) => {
  const samples = pgbouncerSamples();
  if (samples.length === 0) skipBecause(context, 'pgbouncer: no sample of its package found (PGBOUNCER_SAMPLES)');
  for (const sample of samples) {
    const { err } = run(ini(withCommentsOpened(readFileSync(sample, 'utf8'))));
    expect(err).not.toContain('unknown setting');
    expect(err).not.toContain('expected');
  }
});
