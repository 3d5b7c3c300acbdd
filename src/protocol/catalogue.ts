// Every error that pgsluice itself raises: one row each, the source of docs/errors.md and of every client message.
//
// Messages are in Postgres' style. Where PgBouncer has words for a case, the message contains them, so that scripts
// that match on them go on working; the SQLSTATE is the one that Postgres would use, where PgBouncer says 08P01 for all.

import type { ErrorFields } from './error-fields.ts';

interface Row {
  readonly sqlstate: string;
  readonly severity: 'ERROR' | 'FATAL';
  readonly message: string;
  readonly hint?: string;
  /** Nothing of the refused statement reached Postgres: an application may simply try again. */
  readonly safeToRetry: boolean;
}

/** The rows. `%s` in a message is filled by poolerError(); the key is the name in logs and metrics. */
export const CATALOGUE = {
  admin_forced_disconnect: {
    sqlstate: '57P01',
    severity: 'FATAL',
    message: 'admin forced disconnect',
    safeToRetry: false,
  },
  auth_failed: {
    sqlstate: '28P01',
    severity: 'FATAL',
    message: 'password authentication failed for user "%s"',
    safeToRetry: false,
  },
  auth_query_failed: {
    sqlstate: '08006',
    severity: 'FATAL',
    message: 'auth_query failed: Postgres could not be asked for the secret of this user',
    hint: 'The log of pgsluice says why.',
    safeToRetry: true,
  },
  certificate_mismatch: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'certificate authentication failed for user "%s"',
    hint: 'The name in the certificate must be that of the user, or auth_ident_file must map the one to the other.',
    safeToRetry: false,
  },
  certificate_required: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'connection requires a valid client certificate',
    hint: 'Name a certificate and its key (sslcert, sslkey) that client_tls_ca_file has signed. The log of pgsluice says what was wrong.',
    safeToRetry: false,
  },
  channel_binding_failed: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: '%s',
    safeToRetry: false,
  },
  client_idle_timeout: {
    sqlstate: '57P05',
    severity: 'FATAL',
    message: 'client_idle_timeout: terminating connection after %s without a statement',
    hint: 'Raise client_idle_timeout, or let the application close connections that it does not need.',
    safeToRetry: true,
  },
  client_login_timeout: {
    sqlstate: '08P01',
    severity: 'FATAL',
    message: 'client_login_timeout: login was not complete after %s',
    safeToRetry: true,
  },
  console_not_allowed: {
    sqlstate: '42501',
    severity: 'FATAL',
    message: 'not allowed: user "%s" may not use the console',
    hint: 'Name the user in admin_users or stats_users.',
    safeToRetry: false,
  },
  database_disabled: {
    sqlstate: '3D000',
    severity: 'FATAL',
    message: 'database "%s" is disabled',
    safeToRetry: false,
  },
  hba_no_entry: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'no pg_hba.conf entry for %s',
    hint: 'No line of auth_hba_file is about this address, user and database.',
    safeToRetry: false,
  },
  hba_reject: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'pg_hba.conf rejects %s',
    safeToRetry: false,
  },
  idle_transaction_timeout: {
    sqlstate: '25P03',
    severity: 'FATAL',
    message: 'idle transaction timeout: the transaction was idle for %s',
    hint: 'Commit or roll back sooner, or raise idle_transaction_timeout.',
    safeToRetry: false,
  },
  internal_error: {
    sqlstate: 'XX000',
    severity: 'FATAL',
    message: 'pgsluice internal error: %s',
    safeToRetry: false,
  },
  leak_reclaimed: {
    sqlstate: '25P03',
    severity: 'ERROR',
    message: 'leak_reclaimed: the transaction was idle for %s and was rolled back, its server was needed by others',
    hint: 'Nothing that the transaction did was kept: repeat it as a whole. Commit or roll back on every path of the application, also on that of an error. leak_detection_threshold and leak_reclaim say when this happens.',
    safeToRetry: false,
  },
  listen_buffer: {
    sqlstate: '53400',
    severity: 'FATAL',
    message: 'listen_buffer: too many notifications wait for this connection (%s bytes)',
    hint: 'Read notifications faster, keep transactions short on a connection that listens, or raise listen_buffer.',
    safeToRetry: false,
  },
  listen_lost: {
    sqlstate: '08006',
    severity: 'FATAL',
    message: 'the connection that listens was lost: %s',
    hint: 'Notifications may be missing. Connect again, LISTEN, and look at what may have changed meanwhile.',
    safeToRetry: false,
  },
  no_such_database: {
    sqlstate: '3D000',
    severity: 'FATAL',
    message: 'no such database: %s',
    hint: 'Add it under "databases:", or add a "*" entry.',
    safeToRetry: false,
  },
  no_user: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'no PostgreSQL user name specified in startup packet',
    safeToRetry: false,
  },
  pin_idle_timeout: {
    sqlstate: '57P05',
    severity: 'FATAL',
    message: 'pin_idle_timeout: the connection kept its server for %s without a statement',
    hint: 'Drop temporary tables, release advisory locks and UNLISTEN when they are no longer needed; or raise pin_idle_timeout.',
    safeToRetry: true,
  },
  pooler_shutdown: {
    sqlstate: '57P01',
    severity: 'FATAL',
    message: 'pooler is shutting down',
    safeToRetry: true,
  },
  prepared_statement_exists: {
    sqlstate: '42P05',
    severity: 'ERROR',
    message: 'prepared statement "%s" already exists',
    safeToRetry: false,
  },
  prepared_statement_missing: {
    sqlstate: '26000',
    severity: 'ERROR',
    message: 'unnamed prepared statement does not exist',
    hint: 'In transaction pooling the unnamed statement lasts as long as the transaction or batch that parsed it. Parse it again, or give it a name.',
    safeToRetry: false,
  },
  protocol_violation: {
    sqlstate: '08P01',
    severity: 'FATAL',
    message: '%s',
    safeToRetry: false,
  },
  query_canceled: {
    sqlstate: '57014',
    severity: 'ERROR',
    message: 'canceling statement due to user request',
    safeToRetry: true,
  },
  query_timeout: {
    sqlstate: '57014',
    severity: 'FATAL',
    message: 'query_timeout: the statement ran for %s',
    hint: 'Raise query_timeout, or make the statement faster.',
    safeToRetry: false,
  },
  query_wait_timeout: {
    sqlstate: '53300',
    severity: 'ERROR',
    message: 'query_wait_timeout: no server connection became free within %s',
    hint: 'SHOW HOLDERS on the console tells who holds the servers. The hint that is sent fits the cause: a leak, pinned servers, slow statements, too small a pool, Postgres away.',
    safeToRetry: true,
  },
  queue_full: {
    sqlstate: '53300',
    severity: 'ERROR',
    message: 'queue_full: too many clients wait for a server (max_waiting_clients is %s)',
    hint: 'Lower the load, or raise max_waiting_clients if it is well that so many wait.',
    safeToRetry: true,
  },
  server_closed: {
    sqlstate: '08006',
    severity: 'FATAL',
    message: 'server conn crashed? The connection to Postgres was lost: %s',
    hint: 'The transaction, if one was open, is lost. Connect again.',
    safeToRetry: false,
  },
  server_login_failed: {
    sqlstate: '08006',
    severity: 'FATAL',
    message: 'server login has been failing, cached error: %s (server_login_retry)',
    safeToRetry: true,
  },
  session_policy: {
    sqlstate: '0A000',
    severity: 'ERROR',
    message: 'session_policy rejects this statement in transaction pooling: %s',
    hint: 'Use pool_mode session for this database or user, or set session_policy for it to pin.',
    safeToRetry: false,
  },
  shed: {
    sqlstate: '53300',
    severity: 'ERROR',
    message: 'shed: no server connection would become free within %s',
    hint: 'More is asked of this pool than it can do. Lower the load or try again later; see queue_target.',
    safeToRetry: true,
  },
  simple_query_disabled: {
    sqlstate: '42501',
    severity: 'FATAL',
    message: 'simple query protocol disabled (disable_pqexec)',
    hint: 'Use the extended query protocol, or unset disable_pqexec.',
    safeToRetry: false,
  },
  ssl_required: {
    sqlstate: '28000',
    severity: 'FATAL',
    message: 'SSL required: client_tls_sslmode lets nobody in without encryption',
    hint: 'Connect with sslmode=require or stricter.',
    safeToRetry: false,
  },
  statement_mode_transaction: {
    sqlstate: '0A000',
    severity: 'FATAL',
    message: 'transaction blocks not allowed in statement pooling mode',
    hint: 'Use pool_mode transaction.',
    safeToRetry: false,
  },
  too_many_clients: {
    sqlstate: '53300',
    severity: 'FATAL',
    message: 'no more connections allowed (max_client_conn = %s)',
    hint: 'Raise max_client_conn, or find out which application opens so many.',
    safeToRetry: true,
  },
  too_many_clients_of_database: {
    sqlstate: '53300',
    severity: 'FATAL',
    message: 'client connections exceeded (max_db_client_connections = %s)',
    safeToRetry: true,
  },
  too_many_clients_of_user: {
    sqlstate: '53300',
    severity: 'FATAL',
    message: 'client connections exceeded (max_user_client_connections = %s)',
    safeToRetry: true,
  },
  too_many_logins: {
    sqlstate: '53300',
    severity: 'FATAL',
    message: 'too many connections in login (max_client_logins = %s): the oldest one was closed',
    hint: 'Finish the login sooner, or raise max_client_logins.',
    safeToRetry: true,
  },
  too_many_pinned: {
    sqlstate: '53400',
    severity: 'FATAL',
    message: 'too many servers are kept beyond their transaction (max_pinned_servers is %s)',
    hint: 'Drop temporary tables, release advisory locks, UNLISTEN when they are no longer needed; or raise max_pinned_servers.',
    safeToRetry: false,
  },
  too_many_prepared: {
    sqlstate: '53200',
    severity: 'ERROR',
    message: 'no room for another prepared statement (max_prepared_bytes is %s)',
    hint: 'Close prepared statements that are no longer used, pass values as parameters instead of writing them into the text, or raise max_prepared_bytes.',
    safeToRetry: false,
  },
  transaction_timeout: {
    sqlstate: '25P04',
    severity: 'FATAL',
    message: 'transaction timeout: the transaction was open for %s',
    hint: 'Raise transaction_timeout, or make transactions shorter.',
    safeToRetry: false,
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof CATALOGUE;

/** An error of ours, ready to be sent, and the name it goes by in logs and metrics. */
export interface PoolerError extends ErrorFields {
  readonly code: ErrorCode;
}

/** The row with its `%s` filled. detail: what happened, with numbers. */
export function poolerError(code: ErrorCode, argument = '', detail?: string): PoolerError {
  const row: Row = CATALOGUE[code];
  return {
    code,
    severity: row.severity,
    sqlstate: row.sqlstate,
    message: row.message.replace('%s', () => argument),
    ...(detail !== undefined && { detail }),
    ...(row.hint !== undefined && { hint: row.hint }),
  };
}

/** The same error with another severity: a FATAL is told before the connection is closed. */
export function asFatal<T extends ErrorFields>(error: T): T {
  return error.severity === 'FATAL' ? error : { ...error, severity: 'FATAL' };
}
