// Facts that a session in Postgres tells: what holds in it. What the role may not ask is no error: it is said that nobody could look.
import pg from 'pg';
import type { SessionFacts } from '../facts.ts';
import { POSTGRES_SETTING_NAMES } from '../postgres-settings.ts';

export interface Questions {
  readonly isEncrypted: boolean;
  readonly proof: SessionFacts['proof'];
  readonly connectQuery: string | null;
  /** With the name to ask for; null: this user asks nothing. */
  readonly authQuery: { readonly text: string; readonly user: string } | null;
}

export async function askSession(
  client: pg.Client,
  { isEncrypted, proof, connectQuery, authQuery }: Questions,
): Promise<SessionFacts> {
  const version = await seen<{ version: string }>(
    client,
    "SELECT pg_catalog.current_setting('server_version_num') AS version",
  );
  const settings = await seen<{ name: string; setting: string }>(
    client,
    'SELECT name, setting FROM pg_catalog.pg_settings WHERE name = ANY($1)',
    [POSTGRES_SETTING_NAMES],
  );
  const recovery = await seen<{ recovery: boolean }>(client, 'SELECT pg_catalog.pg_is_in_recovery() AS recovery');
  const authQueryError = authQuery === null ? null : await errorOf(client.query(authQuery.text, [authQuery.user]));
  // Last: it may change the session.
  const connectQueryError = connectQuery === null ? null : await errorOf(client.query(connectQuery));
  const number = Number(version.rows?.[0]?.version);
  return {
    isEncrypted,
    proof,
    major: number > 0 ? Math.floor(number / 10_000) : null,
    isInRecovery: recovery.rows?.[0]?.recovery ?? null,
    values: new Map(settings.rows?.map(({ name, setting }) => [name, setting])),
    valuesDenied: settings.denied,
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

/** rows: null when Postgres refuses to answer, in the words of denied. Rejects when there is no answer. */
export async function seen<Row extends pg.QueryResultRow>(
  client: pg.Client,
  text: string,
  values: unknown[] = [],
): Promise<{ rows: Row[]; denied: null } | { rows: null; denied: string }> {
  try {
    return { rows: (await client.query<Row>(text, values)).rows, denied: null };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { rows: null, denied: error.message };
  }
}
