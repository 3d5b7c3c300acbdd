// Facts that a session in Postgres tells: what holds in it, and what the catalog says about roles, databases and others.
import type pg from 'pg';
import type { CatalogFacts, SessionFacts } from '../facts.ts';

const SETTINGS = [
  'default_transaction_read_only',
  'idle_in_transaction_session_timeout',
  'idle_session_timeout',
  'max_connections',
  'password_encryption',
  'plan_cache_mode',
  'reserved_connections',
  'statement_timeout',
  'superuser_reserved_connections',
  'tcp_keepalives_count',
  'tcp_keepalives_idle',
  'tcp_keepalives_interval',
  'transaction_timeout',
];

export interface Questions {
  readonly isEncrypted: boolean;
  readonly connectQuery: string | null;
  /** With the name to ask for; null: this user asks nothing. */
  readonly authQuery: { readonly text: string; readonly user: string } | null;
}

export async function askSession(client: pg.Client, questions: Questions): Promise<SessionFacts> {
  const settings = await client.query<{ name: string; setting: string }>(
    'SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY($1)',
    [SETTINGS],
  );
  const { rows } = await client.query<{ recovery: boolean }>('SELECT pg_catalog.pg_is_in_recovery() AS recovery');
  const { connectQuery, authQuery } = questions;
  const authQueryError = authQuery === null ? null : await errorOf(client.query(authQuery.text, [authQuery.user]));
  // Last: it may change the session.
  const connectQueryError = connectQuery === null ? null : await errorOf(client.query(connectQuery));
  return {
    isEncrypted: questions.isEncrypted,
    isInRecovery: rows[0]?.recovery === true,
    values: new Map(settings.rows.map(({ name, setting }) => [name, setting])),
    connectQueryError,
    authQueryError,
  };
}

async function errorOf(running: Promise<unknown>): Promise<string | null> {
  try {
    await running;
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Without a right to look, a part is empty or null; what everybody may see is always there. */
export async function askCatalog(client: pg.Client): Promise<CatalogFacts> {
  const [version, sessions, roles, databases] = [
    await client.query<{ version: string }>("SELECT pg_catalog.current_setting('server_version_num') AS version"),
    await client.query<{ user: string; database: string; count: number }>(
      // backend_type of others is hidden from an ordinary role.
      `SELECT usename AS user, datname AS database, pg_catalog.count(*)::int AS count FROM pg_catalog.pg_stat_activity
       WHERE usename IS NOT NULL AND datname IS NOT NULL AND pid <> pg_catalog.pg_backend_pid()
         AND COALESCE(backend_type, 'client backend') = 'client backend' GROUP BY 1, 2`,
    ),
    await client.query<{ name: string; limit: number; super: boolean; login: boolean; until: string | null }>(
      `SELECT rolname AS name, rolconnlimit AS limit, rolsuper AS super, rolcanlogin AS login,
         CASE WHEN pg_catalog.isfinite(rolvaliduntil) THEN (EXTRACT(epoch FROM rolvaliduntil) * 1000)::text END AS until
       FROM pg_catalog.pg_roles`,
    ),
    await client.query<{ name: string; limit: number }>(
      'SELECT datname AS name, datconnlimit AS limit FROM pg_catalog.pg_database',
    ),
  ];
  const secrets = await ifAllowed<{ name: string; secret: string | null }>(
    client,
    'SELECT rolname AS name, rolpassword AS secret FROM pg_catalog.pg_authid',
  );
  const hba = await ifAllowed<{ line: number; error: string }>(
    client,
    'SELECT line_number AS line, error FROM pg_catalog.pg_hba_file_rules WHERE error IS NOT NULL ORDER BY 1',
  );
  const secretOf = new Map(secrets?.map(({ name, secret }) => [name, secret]));
  return {
    version: Number(version.rows[0]?.version),
    sessions: sessions.rows,
    roles: new Map(
      roles.rows.map(({ name, limit, super: isSuperuser, login, until }) => [
        name,
        {
          connectionLimit: limit,
          isSuperuser,
          canLogin: login,
          validUntil: until === null ? null : Number(until),
          secret: secretOf.get(name) ?? null,
        },
      ]),
    ),
    databases: new Map(databases.rows.map(({ name, limit }) => [name, { connectionLimit: limit }])),
    hbaErrors: hba,
  };
}

async function ifAllowed<Row extends pg.QueryResultRow>(client: pg.Client, text: string): Promise<Row[] | null> {
  try {
    return (await client.query<Row>(text)).rows;
  } catch {
    return null;
  }
}

/** How much of it was to be seen: of two for one server the better one is kept. */
export function worthOf(catalog: CatalogFacts | null): number {
  if (catalog === null) return -1;
  return (
    (catalog.hbaErrors === null ? 0 : 2) + ([...catalog.roles.values()].some(({ secret }) => secret !== null) ? 1 : 0)
  );
}
