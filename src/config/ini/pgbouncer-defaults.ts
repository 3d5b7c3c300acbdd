// PgBouncer's defaults where ours differ: what an ini that does not name the key has relied on.
import type { SettingKey } from '../settings-table.ts';

type Defaults = Readonly<Partial<Record<SettingKey, string>>>;

/**
 * Applications would notice these: a login that fails, a session that ends. An ini without them gets PgBouncer's value, and the
 * imported file says so, each on a line that can be deleted.
 */
export const carriedDefaults: Defaults = {
  auth_type: 'md5',
  idle_transaction_timeout: '0',
  pool_mode: 'session',
  query_wait_timeout: '120',
};

/** Ours hold here; the imported file names PgBouncer's in a comment. */
export const ourDefaults: Defaults = {
  listen_addr: '',
  listen_backlog: '128',
  max_client_conn: '100',
  server_login_retry: '15',
  unix_socket_dir: '/tmp',
};

/** PgBouncer: unix_socket_dir, where it looks for Postgres when a database names no host. */
export const DEFAULT_SOCKET_DIR = '/tmp';
