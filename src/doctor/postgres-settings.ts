// The settings of Postgres that rules look at, and what can't be said where one is not to be seen.

export interface PostgresSetting {
  /** The major version that had it first. */
  readonly since: number;
  /** What it tells. */
  readonly tells: string;
  /** Where a version lacks it: how the same is found out, or what does it instead. */
  readonly without?: string;
}

/** All those of versions that nobody runs any more count as always there. */
const ALWAYS = 0;

export const POSTGRES_SETTINGS = {
  client_connection_check_interval: {
    since: 14,
    tells: 'whether a statement ends when its pgsluice has vanished',
    without: 'statement_timeout in Postgres is what ends such a statement',
  },
  default_transaction_read_only: { since: ALWAYS, tells: 'whether the database takes writes' },
  idle_in_transaction_session_timeout: { since: ALWAYS, tells: 'whether Postgres ends idle transactions first' },
  idle_session_timeout: {
    since: 14,
    tells: 'whether Postgres closes idle servers of the pool',
    without: 'server_idle_timeout of pgsluice alone closes idle servers',
  },
  max_connections: { since: ALWAYS, tells: 'whether there is room for the pools' },
  password_encryption: { since: ALWAYS, tells: 'how the next password is stored' },
  plan_cache_mode: {
    since: 12,
    tells: 'how prepared statements are planned',
    without: 'EXPLAIN EXECUTE of a prepared statement, run six times, shows the plan that it comes to',
  },
  reserved_connections: {
    since: 16,
    tells: 'how many connections are kept for pg_use_reserved_connections',
    without: 'superuser_reserved_connections is all that is reserved',
  },
  statement_timeout: { since: ALWAYS, tells: 'whether Postgres ends slow statements first' },
  superuser_reserved_connections: { since: ALWAYS, tells: 'how many connections are kept for superusers' },
  tcp_keepalives_count: { since: ALWAYS, tells: 'how soon Postgres notices that a machine has vanished' },
  tcp_keepalives_idle: { since: ALWAYS, tells: 'how soon Postgres notices that a machine has vanished' },
  tcp_keepalives_interval: { since: ALWAYS, tells: 'how soon Postgres notices that a machine has vanished' },
  transaction_timeout: {
    since: 17,
    tells: 'whether Postgres ends long transactions first',
    without: 'transaction_timeout of pgsluice is the only limit of a transaction',
  },
} as const satisfies Readonly<Record<string, PostgresSetting>>;

export type PostgresSettingName = keyof typeof POSTGRES_SETTINGS;
export const POSTGRES_SETTING_NAMES = Object.keys(POSTGRES_SETTINGS) as readonly PostgresSettingName[];
