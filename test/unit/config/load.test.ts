// Loading: the values that come out, and every kind of problem with its line.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is the notation under test
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load.ts';
import { defaultSettings, rowsOf } from '../../../src/config/settings-table.ts';
import { otherSettings } from '../../../src/config/table/other.ts';
import { bad, base, good, warningsOf } from './parse.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pgsluice-config-'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function write(name: string, text: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

describe('values', () => {
  test('what is not set has its default', () => {
    expect(good(base).settings).toEqual(defaultSettings);
    expect(defaultSettings).toMatchObject({
      listen_addr: ['127.0.0.1'],
      listen_port: 6432,
      auth_type: 'scram-sha-256',
      pool_mode: 'transaction',
      max_client_conn: 10_000,
      query_wait_timeout: 10_000,
      idle_transaction_timeout: 60_000,
      server_login_retry: 1000,
      http_listen_port: 6480,
    });
  });

  test('what is set is read in its kind', () => {
    const { settings } = good(`
listen_addr: "*"
listen_port: "7000"
query_timeout: 1.5
query_wait_timeout: 2min
max_packet_size: 16MB
log_connections: no
so_reuseport: 1
admin_users: app, ops
stats_users: [watch]
auth_type: MD5
${base}`);
    expect(settings).toMatchObject({
      listen_addr: ['*'],
      listen_port: 7000,
      query_timeout: 1500,
      query_wait_timeout: 120_000,
      max_packet_size: 16_777_216,
      log_connections: false,
      so_reuseport: true,
      admin_users: ['app', 'ops'],
      stats_users: ['watch'],
      auth_type: 'md5',
    });
  });

  test('entries carry their own keys, their startup parameters and their overrides', () => {
    const { databases, users } = good(`
databases:
  app: { host: /run/postgresql, port: 5433, dbname: real, user: forced, password: 0123, pool_size: 3, pool_mode: session,
    connect_query: select 1, timezone: UTC, application_name: x }
  "*":
users:
  app: { password: "md50123456789abcdef0123456789abcdef", max_user_connections: 4, query_timeout: 1 }
auth_type: md5
`);
    expect(databases.get('app')).toEqual({
      name: 'app',
      host: '/run/postgresql',
      addresses: [{ host: '/run/postgresql', port: 5433 }],
      port: 5433,
      dbname: 'real',
      user: 'forced',
      password: '0123',
      passwordSource: null,
      pool_size: 3,
      connect_query: 'select 1',
      startupParameters: { application_name: 'x', timezone: 'UTC' },
      overrides: { pool_mode: 'session' },
    });
    expect(databases.get('*')).toMatchObject({ host: '127.0.0.1', port: 5432, dbname: null, user: null });
    expect(users.get('app')?.overrides).toEqual({ max_user_connections: 4, query_timeout: 1000 });
  });

  test('several hosts have one port, or one each', () => {
    const { databases } = good(`
databases:
  one: { host: "a, b", port: 1 }
  each: { host: "a,/run/pg,::1", port: "1,2,3" }
  listed: { host: "a,b", port: [1, 2] }
users: { u: { password: p } }`);
    const shown = (name: string) => databases.get(name)!.addresses.map(({ host, port }) => `${host} ${port}`);
    expect(shown('one')).toEqual(['a 1', 'b 1']);
    expect(shown('each')).toEqual(['a 1', '/run/pg 2', '::1 3']);
    expect(shown('listed')).toEqual(['a 1', 'b 2']);
    expect(databases.get('each')).toMatchObject({ host: 'a,/run/pg,::1', port: 1 });
    const wrong = (entry: string) => bad(`databases:\n  x: ${entry}\nusers: { u: { password: p } }`);
    expect(wrong('{ host: "a,b", port: "1,2,3" }')).toEqual(['f.yaml:2:27: databases.x.port: 3 ports for 2 hosts']);
    expect(wrong('{ host: a, port: "1,2" }')).toEqual(['f.yaml:2:23: databases.x.port: 2 ports for one host']);
    expect(wrong('{ host: "a,,b" }')[0]).toContain('databases.x.host: this is no name');
    expect(wrong('{ port: "" }')[0]).toContain('databases.x.port');
    expect(wrong('{ port: "1,x" }')[0]).toContain('is not a whole number');
  });

  test('an alias stands for its anchor', () => {
    const { databases } = good('databases:\n  a: &x { host: h, port: 1 }\n  b: *x\nusers: { u: { password: p } }');
    expect(databases.get('b')).toMatchObject({ name: 'b', host: 'h', port: 1 });
  });

  test('nothing in a configuration can be changed', () => {
    const config = good(base);
    const sets = [
      () => Object.assign(config, { file: 'x' }),
      () => Object.assign(config.settings, { listen_port: 1 }),
      () => Object.assign(config.settings.listen_addr, { 0: 'x' }),
      () => Object.assign(config.databases.get('app')!, { host: 'x' }),
      () => Object.assign(config.databases.get('app')!.overrides, { pool_mode: 'x' }),
      () => (config.databases as Map<string, unknown>).set('x', {}),
      () => (config.secrets as Map<string, unknown>).clear(),
    ];
    for (const set of sets) expect(set).toThrow(TypeError);
  });
});

describe('variables', () => {
  const user = (password: string) => `${'databases: { a: {} }'}\nusers:\n  app: { password: ${password} }\n`;
  const secret = (password: string, env: Record<string, string>) => good(user(password), { env }).secrets.get('app');

  test('a variable is expanded in a value, and its own text is not expanded again', () => {
    expect(secret('"a${PW}b"', { PW: 'x' })).toBe('axb');
    expect(secret('"${PW}"', { PW: '${PW}' })).toBe('${PW}');
    expect(secret('"$${PW}"', {})).toBe('${PW}');
    expect(secret('"$5${PW}"', { PW: '$&' })).toBe('$5$&');
  });

  test('a value from the environment adds no keys and stays a text of its kind', () => {
    expect(secret('"${PW}"', { PW: 'x }, root: { password: y' })).toBe('x }, root: { password: y');
    expect(good(`default_pool_size: \${N}\n${base}`, { env: { N: '7' } }).settings.default_pool_size).toBe(7);
  });

  test('a variable that is not set is an error with its line, told once', () => {
    expect(bad(user('"${PW}"'))).toEqual(['f.yaml:3:20: users.app.password: the environment variable PW is not set']);
    expect(bad(user('"${constructor}"'))[0]).toContain('constructor is not set');
  });

  test('a reference that is not closed, or names nothing, is an error', () => {
    for (const text of ['"${PW"', '"${}"', '"${a b}"']) expect(bad(user(text))[0]).toContain('must be followed by');
  });

  test('expansion has a bound', () => {
    const text = `databases: { a: { dbname: "${'${X}'.repeat(1000)}" } }`;
    expect(bad(text, { env: { X: 'y'.repeat(100_000) } })[0]).toContain('too long');
  });

  test('a message shows the name of a variable and not its value', () => {
    const problems = bad(`default_pool_size: \${SECRET}\n${base}`, { env: { SECRET: 'hunter2' } });
    expect(problems).toEqual(["f.yaml:1:20: default_pool_size: '${SECRET}' is not a whole number"]);
  });
});

describe('problems', () => {
  test('all of them are told at once, in the order of the file', () => {
    const problems = bad(`listen_addr: '*'
auth_type: trust
defalt_pool_size: 20
query_wait_timeout: 10m
max_client_conn: abc
client_tls_sslmode: require
pool_size: 3
auth_type: any
databases:
  pgbouncer: {}
  app: { host: "a b", port: 99999, pasword: x }
  x: host=foo
users: [a]
`);
    expect(problems).toEqual([
      'f.yaml:2:12: auth_type: auth_type trust asks for no password, and listen_addr * can be reached from outside: no trust auth on a public address',
      "f.yaml:3:1: defalt_pool_size: unknown setting 'defalt_pool_size', did you mean 'default_pool_size'?",
      "f.yaml:4:21: query_wait_timeout: '10m' has the unit m: minutes are min",
      "f.yaml:5:18: max_client_conn: 'abc' is not a whole number",
      'f.yaml:6:21: client_tls_sslmode: require needs client_tls_cert_file and client_tls_key_file',
      "f.yaml:7:1: pool_size: can't stand here: it belongs in an entry of databases: or in an entry of users:",
      'f.yaml:8:1: auth_type: stands here a second time',
      'f.yaml:10:14: databases.pgbouncer: this name is reserved for the console',
      'f.yaml:11:16: databases.app.host: this is no name, no address and no directory',
      "f.yaml:11:29: databases.app.port: '99999' is above the maximum, 65535",
      "f.yaml:11:36: databases.app.pasword: unknown setting 'pasword', did you mean 'password'?",
      'f.yaml:12:6: databases.x: expected a map such as { host: db.internal }',
      'f.yaml:13:8: users: expected a map of names, found a list',
    ]);
  });

  test.each([
    ['a: [', /f\.yaml:1:\d+: /],
    ['- a', /1:1: the file must be a map of settings/],
    ['listen_port: { a: 1 }', /1:14: listen_port: expected one value, found a map/],
    ['listen_port: [1, 2]', /1:14: listen_port: expected one value, found a list/],
    ['listen_addr: [[a]]', /1:14: listen_addr: the items of this list must be texts/],
    ['listen_addr: []', /1:14: listen_addr: is empty, and unix_socket_dir too: nobody can connect/],
    ['listen_addr: []\nlisten_port: 0\nunix_socket_dir: /run/pg', /2:14: listen_port: 0 needs a TCP address/],
    ['unix_socket_dir: run/pg', /1:18: unix_socket_dir: begins neither with \/ nor with @/],
    ['unix_socket_mode: 0787', /1:19: unix_socket_mode: "0787" is no mode in octal digits/],
    ['? [a]\n: b', /1:3: a key must be a text/],
    ['__proto__: { a: 1 }', /1:1: __proto__: this key is not allowed/],
    ['databases: { __proto__: {} }', /1:14: databases.__proto__: this key is not allowed/],
    ['constructor: 1', /unknown setting 'constructor'/],
    ['databases: { a: { toString: 1 } }', /unknown setting 'toString'/],
    ['databases: { a: { password: x } }', /databases.a.password: needs user/],
    ['databases: { a: { user: u, password: } }', /databases.a.password: has no value/],
    ['databases: { a: { listen_port: 1 } }', /databases.a.listen_port: can't stand here: it belongs at the top level/],
    ['databases: { "": {} }', /this is not the name of a database/],
    ['databases: { a: { host: "x y" } }', /databases.a.host: this is no name/],
    ['databases: { a: { reserve_pool: 1 } }', /databases.a.reserve_pool: it is called reserve_pool_size/],
    ['users: { "*": {} }', /users\.\*: users: has no fallback entry/],
    ['auth_type: pam', /'pam' is not possible: PAM is not supported/],
    ['auth_type: x', /'x' is not one of trust, any, plain, md5, scram-sha-256/],
    ['min_pool_size: 30', /min_pool_size 30 is more than default_pool_size 20/],
    ['databases: { a: { pool_size: 2, min_pool_size: 3 } }', /databases.a: min_pool_size 3 is more than pool_size 2/],
    ['health_listen_addr: 0.0.0.0', /health_listen_addr: needs health_listen_port/],
    ['http_listen_port: 6432', /http_listen_port: port 6432 is taken already/],
    ['shutdown_min_wait: 1min', /shutdown_min_wait: is longer than shutdown_timeout/],
    ['otlp_traces_endpoint: 127.0.0.1:4318', /otlp_traces_endpoint: "127.0.0.1:4318" is no URL/],
    ['otlp_traces_endpoint: "http://"', /otlp_traces_endpoint: "http:\/\/" is no URL/],
    ['auth_file: nowhere.txt', /1:12: auth_file: the file cannot be read: ENOENT/],
    ['users: { u: { password_file: nowhere } }', /users.u.password_file: the file cannot be read: ENOENT/],
    ['users: { u: { password_file: x, password: y } }', /can't stand beside password/],
    ['a: 1\n---\nb: 2', /2:1: a second document starts here/],
  ])('%j', (text, problem) => {
    expect(bad(text).join('\n')).toMatch(problem);
  });

  test('no trust auth on a public address, whichever way the address is written', () => {
    for (const address of [
      '0.0.0.0',
      '"::"',
      '10.0.0.1',
      '"127.0.0.1, 10.0.0.1"',
      'pod.internal',
      '"::ffff:10.0.0.1"',
    ]) {
      expect(bad(`listen_addr: ${address}\nauth_type: any\n${base}`).join(), address).toContain('no trust auth');
    }
    for (const address of ['127.0.0.1', '127.9.9.9', '"::1"', 'localhost']) {
      good(`listen_addr: ${address}\nauth_type: trust\n${base}`);
    }
  });

  test('no message carries a secret, or a text that may be one', () => {
    const texts = [
      'users: { u: { password: "hunter2\\0" } }',
      'users: { u: { password: [hunter2] } }',
      'users: { u: { password: *hunter2 } }',
      'users: { u: { password: !hunter2 } }',
      'users:\n  u: { password: "hunter2',
      'users:\n  u:\n    password: |hunter2\n',
      'users:\n  u:\n    password: &hunter2\n',
    ];
    for (const text of texts) expect(bad(text).join('\n'), text).not.toContain('hunter2');
  });

  test('what a terminal would act on is not printed', () => {
    expect(bad('"\\e[2J\\nx": 1')[0]).toBe("f.yaml:1:1: ?[2J?x: unknown setting '?[2J?x'");
  });

  test('a file that is not there, no file, too long or not UTF-8 is told', () => {
    const messages = [
      join(dir, 'none.yaml'),
      dir,
      write('long.yaml', `#${'x'.repeat(1_048_576)}`),
      write('latin.yaml', Buffer.from([0x61, 0x3a, 0xe9])),
    ].map((file) => {
      const result = loadConfig(file, {});
      return result.ok ? 'ok' : result.problems.map((problem) => problem.message).join();
    });
    expect(messages).toEqual([
      'cannot be read: ENOENT',
      'cannot be read: EISDIR',
      'is larger than 1048576 bytes',
      'is not UTF-8',
    ]);
  });

  test('aliases that multiply end in a problem', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(20)}]`);
    expect(bad(`a0: &a0 [x]\n${levels.join('\n')}`).join('\n')).toMatch(/too many values|nested too deeply/);
    expect(bad('a: &a [*a]').join('\n')).toContain('nested too deeply');
  });

  test('thousands of problems are cut with a count', () => {
    const problems = bad(Array.from({ length: 1000 }, (_, i) => `x${i}: 1`).join('\n'));
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toBe('f.yaml: and 800 more problems');
  });
});

describe('warnings', () => {
  test.each([
    ['tcp_defer_accept: 3', 'tcp_defer_accept: has no effect: Node has no such socket option'],
    ['listen_port:', 'listen_port: has no value, so the default holds; an empty text is written ""'],
    ['admin_users: [ops]', 'admin_users: no secret is known for ops'],
    ['health_listen_port: 1', 'health_listen_port: has no effect without health_listen_addr'],
    [
      'query_wait_notify: 20',
      'query_wait_notify: is not shorter than query_wait_timeout: no client will see the notice',
    ],
  ])('%j', (text, warning) => {
    expect(warningsOf(`${text}\n${base}`).map((line) => line.replace(/^f\.yaml:1:\d+: /, ''))).toEqual([warning]);
  });

  test('an empty file is usable, with warnings that nobody can do anything', () => {
    expect(warningsOf('')).toEqual([
      'f.yaml:1:1: databases: no database is defined: every client will be refused',
      'f.yaml:1:1: users: auth_type scram-sha-256 knows no user: neither users: nor auth_file has a secret',
    ]);
  });

  test('a size that a limit makes unreachable, and a secret that the auth_type cannot use', () => {
    const text = `
databases: { a: { pool_size: 9, max_db_connections: 5 } }
users: { u: { password: md50123456789abcdef0123456789abcdef, pool_size: 9, max_user_connections: 5 } }`;
    expect(warningsOf(text)).toEqual([
      "f.yaml:2:30: databases.a: pool_size 9 can't be reached: max_db_connections is 5",
      "f.yaml:3:25: users.u: an md5 secret can't serve auth_type scram-sha-256: this user can't log in",
      "f.yaml:3:73: users.u: pool_size 9 can't be reached: max_user_connections is 5",
    ]);
  });
});

describe('files that the configuration names', () => {
  test('auth_file and password_file are relative to the file, and users: wins over auth_file', () => {
    write('userlist.txt', '"app" "from list"\n"other" "o"\n');
    write('pw', 'from file\n');
    const file = write(
      'c.yaml',
      'auth_file: userlist.txt\ndatabases: { a: {} }\nusers: { app: { password_file: pw } }',
    );
    const result = loadConfig(file, {});
    expect(result.ok && [...result.config.secrets]).toEqual([
      ['app', 'from file'],
      ['other', 'o'],
    ]);
    expect(result.ok && result.config.file).toBe(file);
  });

  test('a problem inside auth_file is told with its line and without its text', () => {
    write('broken.txt', '"a" "x"\nb hunter2\n');
    expect(bad('auth_file: broken.txt', { baseDir: dir })).toEqual([
      'f.yaml:1:12: auth_file: line 2 of the file: expected "user" "secret"',
    ]);
  });

  test('a password_file without a secret is an error', () => {
    write('empty', '\n');
    expect(bad('users: { u: { password_file: empty } }', { baseDir: dir })[0]).toContain('the file holds no secret');
  });
});

describe('keys of PgBouncer', () => {
  // PgBouncer 1.26: bouncer_params in main.c, [databases] and [users] of loader.c.
  const top =
    `admin_users application_name_add_host auth_dbname auth_file auth_hba_file auth_ident_file auth_ldap_options
auth_query auth_type auth_user autodb_idle_timeout cancel_wait_timeout client_idle_timeout client_login_timeout client_tls13_ciphers
client_tls_ca_file client_tls_cert_file client_tls_ciphers client_tls_dheparams client_tls_ecdhcurve client_tls_key_file
client_tls_protocols client_tls_sslmode conffile default_pool_size disable_pqexec dns_max_ttl dns_nxdomain_ttl dns_zone_check_period
idle_transaction_timeout ignore_startup_parameters job_name listen_addr listen_backlog listen_port log_connections log_disconnections
log_pooler_errors log_stats logfile login_notify_message max_client_conn max_db_client_connections max_db_connections max_packet_size
max_prepared_statements max_user_client_connections max_user_connections min_pool_size peer_id pidfile pkt_buf pool_mode
pool_idle_timeout query_timeout query_wait_notify query_wait_timeout reserve_pool_size reserve_pool_timeout resolv_conf sbuf_loopcnt
scram_iterations server_check_delay server_check_query server_connect_timeout server_fast_close server_idle_timeout server_lifetime
server_login_retry server_reset_query server_reset_query_always server_round_robin server_tls13_ciphers server_tls_ca_file
server_tls_cert_file server_tls_ciphers server_tls_key_file server_tls_protocols server_tls_sslmode service_name so_reuseport
stats_period stats_users suspend_timeout syslog syslog_facility syslog_ident tcp_defer_accept tcp_keepalive tcp_keepcnt tcp_keepidle
tcp_keepintvl tcp_socket_buffer tcp_user_timeout track_extra_parameters transaction_timeout unix_socket_dir unix_socket_group
unix_socket_mode user verbose`.split(/\s+/);
  const database =
    `dbname host port user password auth_user auth_dbname auth_query client_encoding datestyle timezone application_name
pool_size min_pool_size reserve_pool_size reserve_pool pool_mode max_db_connections max_db_client_connections server_lifetime
query_wait_timeout load_balance_hosts connect_query`.split(/\s+/);
  const user =
    `pool_mode pool_size reserve_pool_size max_user_connections max_user_client_connections query_timeout query_wait_timeout
idle_transaction_timeout transaction_timeout client_idle_timeout`.split(/\s+/);

  test('each is a setting or has a fate', () => {
    const unknown = (key: string) =>
      bad(`no_such_key: 1\n${key}: "\u0001"`).some((line) => line.includes(`setting '${key}'`));
    expect(top.filter((key) => !rowsOf.global.has(key) && !otherSettings[key])).toEqual([]);
    expect(top.filter(unknown)).toEqual([]);
    expect(
      database.filter((key) => !rowsOf.database.has(key) && !otherSettings[key]?.scope?.includes('database')),
    ).toEqual([]);
    expect(user.filter((key) => !rowsOf.user.has(key))).toEqual([]);
  });

  test('no key is both a setting and has a fate in the same scope', () => {
    const both = Object.entries(otherSettings).filter(([key, other]) =>
      (other.scope ?? ['global']).some((scope) => rowsOf[scope].has(key)),
    );
    expect(both).toEqual([]);
  });

  test.each(Object.entries(otherSettings))('%s is a warning or an error that says why', (key, other) => {
    const inDatabase = !(other.scope ?? ['global']).includes('global');
    const text = (value: string) =>
      inDatabase
        ? `databases: { a: { ${key}: ${value} } }\nusers: { u: { password: x } }`
        : `${key}: ${value}\n${base}`;
    if (other.fate === 'no_effect') expect(warningsOf(text('7')).join('\n')).toContain(other.why);
    else expect(bad(text('7')).join('\n')).toContain(other.why);
    for (const value of other.accepts ?? []) expect(warningsOf(text(JSON.stringify(value)))).toEqual([]);
  });
});
