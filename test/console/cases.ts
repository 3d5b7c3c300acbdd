// What is said to both consoles, in this order, and what of the answers has to be the same.

export interface Case {
  readonly command: string;
  /** Who says it: in admin_users, or in stats_users. */
  readonly role: 'admin' | 'stats';
  /** Besides message types, columns, tag, severity and text: the first column of each row, or all of it. */
  readonly rows: 'none' | 'keys' | 'all';
  /** We answer otherwise on purpose, and this is why. */
  readonly differs: string | null;
}

function cases(rows: Case['rows'], commands: readonly string[]): Case[] {
  return commands.map((command) => ({ command, role: 'admin', rows, differs: null }));
}

function differing(why: string, commands: readonly string[]): Case[] {
  return commands.map((command) => ({ command, role: 'admin', rows: 'none', differs: why }));
}

const TABLES = [
  'SHOW DATABASES',
  'SHOW POOLS',
  'SHOW PEER_POOLS',
  'SHOW PEERS',
  'SHOW CLIENTS',
  'SHOW SERVERS',
  'SHOW SOCKETS',
  'SHOW ACTIVE_SOCKETS',
  'SHOW USERS',
  'SHOW STATS',
  'SHOW STATS_TOTALS',
  'SHOW STATS_AVERAGES',
  'SHOW MEM',
  'SHOW DNS_HOSTS',
  'SHOW DNS_ZONES',
  'SHOW CONFIG',
  'SHOW VERSION',
];

/** The database behind both poolers. */
export function casesFor(database: string): readonly Case[] {
  return [
    ...cases('none', TABLES),
    ...cases('keys', ['SHOW LISTS', 'SHOW TOTALS', 'SHOW POOLS', 'SHOW DATABASES', 'SHOW STATS', 'SHOW USERS']),
    ...cases('all', [
      'SHOW STATE',
      'SHOW client_encoding',
      'SHOW default_transaction_isolation',
      'SHOW standard_conforming_strings',
      'SHOW DateStyle',
      'SHOW timezone',
      'SHOW extra_float_digits',
      'SELECT timezone',
    ]),
    ...cases('none', [
      'SHOW HELP',
      ' show\tversion ;\n',
      'SELECT version',
      '"show" "Version"',
      'SHOW',
      'SHOW FDS',
      'SHOW ALL',
      'SHOW x',
      'SHOW HELP x',
      'SHOW VERSION -- x',
      'SHOW STATE;;',
      'SHOW "unclosed',
      "'abc'",
      'FOO',
      'FOO BAR BAZ',
      'BEGIN',
      'SELECT 1',
      'SELECT version();',
      'SUSPEND',
    ]),
    ...cases('none', [
      'SET extra_float_digits = 3',
      "SET extra_float_digits TO '3'",
      "SET DateStyle = 'ISO'",
      "SET client_encoding TO 'UTF8' ;",
      'SET standard_conforming_strings = on',
      "SET timezone = 'UTC'",
      "SET default_transaction_isolation = 'serializable'",
      'SET log_connections = 0',
      'SET query_timeout=2',
      'SET query_timeout to 0;',
      `SET "query_timeout" = 0`,
      "SET max_client_conn='55';",
      "SET pool_mode = 'transaction'",
      "SET log_connections TO 'banana'",
      "SET pool_mode = ''",
      "SET pool_mode = 'foo'",
      'SET nothing = 33',
      "SET query_timeout = 'it''s'",
      "SET application_name TO 'foo'",
      'SET x',
      'SET x = 1 2',
      "SET max_client_conn 'x'",
      'SET SESSION query_timeout=2',
    ]),
    ...cases('none', [
      'RESUME',
      `RESUME ${database}`,
      'RESUME nowhere',
      'RESUME pgbouncer',
      'PAUSE nowhere',
      'PAUSE pgbouncer',
      'PAUSE "a""b"',
      `PAUSE ${database.toUpperCase()}`,
      `PAUSE "${database}"`,
      `PAUSE ${database}`,
      'RESUME',
      `RESUME ${database}`,
      'PAUSE',
      'PAUSE',
      `PAUSE ${database}`,
    ]),
    ...cases('all', ['SHOW STATE']),
    ...cases('none', [`RESUME ${database}`, 'RESUME', `PAUSE ${database}`, 'PAUSE', 'RESUME', `RESUME ${database}`]),
    ...cases('none', [
      'RECONNECT nowhere',
      'RECONNECT pgbouncer',
      `RECONNECT ${database}`,
      'RECONNECT',
      'WAIT_CLOSE nowhere',
      'WAIT_CLOSE pgbouncer',
      `WAIT_CLOSE ${database}`,
      'WAIT_CLOSE',
      'WAIT_CLOSE x y',
      'DISABLE',
      'DISABLE nowhere',
      'DISABLE pgbouncer',
      `DISABLE ${database}`,
      'ENABLE',
      'ENABLE nowhere',
      'ENABLE pgbouncer',
      `ENABLE ${database}`,
      'KILL nowhere',
      'KILL pgbouncer',
      `KILL ${database}`,
      `RESUME ${database}`,
      'KILL_CLIENT',
      'KILL_CLIENT x',
      'KILL_CLIENT 0',
      'KILL_CLIENT 1.5',
      'KILL_CLIENT 999999999',
      'RELOAD x',
      'RELOAD',
      'SHUTDOWN foo',
    ]),
    ...differing('several statements, and none, are no error', ['SHOW VERSION; SHOW VERSION', ' ', ';']),
    ...differing('off and on are understood as in a file', ["SET log_connections TO 'on'"]),
    ...differing('what only a restart changes is refused instead of taken without effect', ['SET listen_port = 33']),
    ...['SHOW STATS', 'SHOW HELP', "SET client_encoding = 'UTF8'", 'SET query_timeout = 1'].map((command) =>
      asStats(command),
    ),
    ...['RELOAD', 'PAUSE', 'RESUME', 'KILL', 'KILL_CLIENT 1', 'RECONNECT', 'DISABLE x', 'ENABLE x', 'WAIT_CLOSE'].map(
      (command) => asStats(command),
    ),
    asStats('SHUTDOWN'),
    // The last words: what follows would not be heard.
    ...cases('none', ['SHUTDOWN WAIT_FOR_SERVERS']),
  ];
}

function asStats(command: string): Case {
  return { command, role: 'stats', rows: 'none', differs: null };
}
