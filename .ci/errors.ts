// Writes docs/errors.md: every error of pgsluice itself, and why connections are closed.
import type { ClientCloseReason } from '../src/pool/pool-client.ts';
import { CATALOGUE, type ErrorCode } from '../src/protocol/catalogue.ts';
import type { ServerCloseReason } from '../src/server/close-reason.ts';
import { row, tableOf } from './markdown.ts';

/** Why a client is closed, besides the errors of the catalogue. The types see to it that none is missing. */
export const clientCloseReasons: Readonly<Record<Exclude<ClientCloseReason, ErrorCode>, string>> = {
  cancel_done: 'It brought a cancel request, which is done. Nothing is told and nothing is logged.',
  client_terminated: 'It said good-bye, as a well-behaved application does.',
  eof: 'It closed the connection without a word: the process ended, or the driver dropped the socket.',
  session_not_prepared:
    "Postgres refused a parameter that the client had set or asked for at login. The client is told in Postgres' words.",
  socket_error: 'The connection failed: reset, or dead by TCP keepalive.',
  tcp_user_timeout: 'It took nothing of what was sent to it for tcp_user_timeout.',
};

/** Why a server is closed. */
export const serverCloseReasons: Readonly<Record<ServerCloseReason, string>> = {
  admin_forced_disconnect: 'PAUSE or KILL closed it.',
  cancel_wait_timeout:
    'A cancel request for it, or what it still did for a client that is gone, was not over within cancel_wait_timeout.',
  client_disconnect_in_query:
    'Its client went away in the middle of a message, or of a COPY of the extended protocol: only closing ends that without a side effect.',
  connect_failed: 'Postgres could not be reached, or the connection broke during the login.',
  dns_changed: 'The name of its host stands for other addresses now.',
  eof: 'Postgres closed the connection.',
  evicted:
    'It was idle and made room: for another pool at max_db_connections or max_user_connections, or for a replication client.',
  host_changed:
    'Its host was found to be a standby where target_session_attrs needs a primary, or the other way round.',
  internal_error: 'A mistake of pgsluice. Please report it.',
  leak_reclaimed:
    'Its client left a batch without Sync open on it for too long: only closing ends that without a side effect.',
  login_failed: 'Postgres refused the login, or closed the connection during it.',
  pool_idle_timeout: 'Its pool was forgotten after pool_idle_timeout or autodb_idle_timeout.',
  protocol_violation: 'Postgres sent what the protocol does not allow at this point, or what nobody asked for.',
  query_timeout: 'Its client had said good-bye behind a statement that ran longer than query_timeout.',
  question_failed:
    "A statement of pgsluice's own failed on it: check, reset, rollback, connect_query, or a client's parameters.",
  reconnect: 'RECONNECT replaces it.',
  replication_ended: 'It served one replication client, which is gone.',
  server_check_timeout: "A statement of pgsluice's own was not answered within server_connect_timeout.",
  server_connect_timeout:
    'It was not logged in within server_connect_timeout; within a second, where the database has another host to try.',
  server_idle_timeout: 'Nobody used it for server_idle_timeout.',
  server_lifetime: 'It is older than server_lifetime.',
  session_kept: 'A client left it with what no reset undoes: a library from LOAD, the seed of setseed().',
  settings_changed: 'A reload changed what a server has from its login, or took its database out of the file.',
  shutdown: 'pgsluice goes down.',
  socket_error: 'The connection failed: reset, or dead by TCP keepalive.',
  statement_mode_transaction: 'Its client opened a transaction block in pool_mode statement.',
  target_session_attrs:
    'The login worked, and its host was not what target_session_attrs asks for: the next one is tried.',
  tcp_user_timeout: 'Postgres took, or acknowledged, nothing of what was sent to it for tcp_user_timeout.',
  tls_failed: 'Postgres offers no encryption, or is not trusted as server_tls_sslmode asks. Clients are told at once.',
};

const intro = `# Errors and close reasons

<!-- Written by \`npm run generate\` from src/protocol/catalogue.ts and .ci/errors.ts: change it there. -->

Errors of Postgres reach the client as Postgres sent them. The errors below are pgsluice's own. The log line \`pooler error\` and the metric
\`pgsluice_pooler_errors_total\` tell the code as \`cause\`; where a client is closed with the error, the cause is its close reason (further down), which
is the code too except for \`session_not_prepared\`.

- **%s** stands for what the case is about: a name, a number, a time.
- **ERROR** leaves the client connected, **FATAL** disconnects it. An ERROR becomes FATAL where the client can't go on: before its login is
  complete, and where a refused batch holds a BEGIN and further statements, which would run outside a transaction.
- **Safe to retry** means that nothing of what was refused has reached Postgres: the same statement, or the same login, may simply be tried again.
- \`server_login_failed\` has the SQLSTATE of Postgres' own answer where Postgres refused the login (a wrong password, no such database), and 08006
  where Postgres is away.
- The console has errors of its own: 42601 for a command that it does not know, 3D000 and 42704 for a database or client that is not there,
  42501 where admin_users is needed, F0000 for a RELOAD of a file with problems, 22023 for a SET that can not be, 55000 for a PAUSE or RESUME
  of what is paused, or is not, already. Its texts are PgBouncer's; there each of them has 08P01, which means a broken connection to drivers.
`;

const clientIntro = `The log line \`client closed\` has the reason, and \`pgsluice_client_closes_total\` counts it. Every code above is a reason too, where that error ended the
connection. The others are:
`;

const serverIntro = `The log line \`server closed\` has the reason, and \`pgsluice_server_closes_total\` counts it.
`;

/** The text of the file, with a newline at its end. */
export function generateErrors(): string {
  const errors = Object.entries(CATALOGUE).map(([code, error]) => {
    const hint = 'hint' in error ? error.hint : '';
    return row([`\`${code}\``, error.sqlstate, error.severity, error.message, hint, error.safeToRetry ? 'yes' : 'no']);
  });
  return [
    intro,
    `## Errors\n`,
    tableOf(['code', 'SQLSTATE', 'severity', 'message', 'hint', 'safe to retry'], errors),
    `## Why clients are closed\n\n${clientIntro}`,
    reasonsOf(clientCloseReasons),
    `## Why servers are closed\n\n${serverIntro}`,
    reasonsOf(serverCloseReasons),
  ].join('\n');
}

function reasonsOf(reasons: Readonly<Record<string, string>>): string {
  return tableOf(
    ['reason', 'meaning'],
    Object.entries(reasons).map(([reason, sentence]) => row([`\`${reason}\``, sentence])),
  );
}
