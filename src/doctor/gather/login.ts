// Logs in to Postgres as a pool would, with a driver, and lets the session be asked.
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import pg from 'pg';
import type { LoginFacts, ServerFacts } from '../facts.ts';
import type { Candidate } from './pools.ts';
import { askCatalog, askSession, worthOf } from './session.ts';

/** Longer than this nobody waits for a doctor, whatever server_connect_timeout is. */
export const PATIENCE_MS = 10_000;

/** What is known of a server, while more is found out. */
export type Growing = { -readonly [K in keyof ServerFacts]: ServerFacts[K] };

/** Logs in as the pool would, as far as a driver can; and fills in the server's catalog. */
export async function logIn(candidate: Candidate, server: Growing, options: ConnectionOptions): Promise<LoginFacts> {
  const { target, address, user, settings, password, secret, isAsking } = candidate;
  const mode = settings.server_tls_sslmode;
  const why = obstacleOf(candidate, server);
  if (why !== null) return { kind: 'unchecked', why };
  const isEncrypted = mode !== 'disable' && server.tls.kind === 'offered';
  const client = new pg.Client({
    host: address.host,
    port: address.port,
    database: target.dbname,
    user,
    // A function, because pg looks into PGPASSWORD and ~/.pgpass for an empty text. So it does for options and sslnegotiation.
    password: () => password ?? '',
    application_name: 'pgsluice doctor',
    options: startupOptions(target.startupParameters),
    connectionTimeoutMillis: Math.min(settings.server_connect_timeout || PATIENCE_MS, PATIENCE_MS),
    query_timeout: PATIENCE_MS,
    ssl: isEncrypted
      ? {
          ...options,
          rejectUnauthorized: mode.startsWith('verify-'),
          // By host: pg would have an address verified as 'localhost'.
          checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
            mode === 'verify-full' ? checkServerIdentity(address.host, certificate) : undefined,
        }
      : false,
    sslnegotiation: isEncrypted ? settings.server_tls_sslnegotiation : 'postgres',
  } as pg.ClientConfig);
  client.on('error', () => {});
  try {
    await client.connect();
    const authQuery = isAsking ? { text: settings.auth_query, user } : null;
    if (worthOf(server.catalog) < 3) {
      const catalog = await askCatalog(client);
      if (worthOf(catalog) > worthOf(server.catalog)) server.catalog = catalog;
    }
    const session = await askSession(client, { isEncrypted, connectQuery: target.connectQuery, authQuery });
    return { kind: 'done', session };
  } catch (error) {
    // A server that asks for a password when there is none to give is no mistake of Postgres.
    const { code, message } = error as Error & { code?: string };
    if (secret === 'none' && (code === '28P01' || message.startsWith('SASL')))
      return { kind: 'unchecked', why: 'there is no secret for it, and Postgres asks for one' };
    return { kind: 'failed', code: code ?? 'ETIMEDOUT', message: message || (code ?? 'no answer') };
  } finally {
    await client.end().catch(() => {});
  }
}

/** Why a login is not even tried; null: it is. What another rule tells anyway is not tried either. */
function obstacleOf({ secret, settings }: Candidate, { tls, lookup: found }: ServerFacts): string | null {
  if (found !== null && 'error' in found) return 'its name is not found';
  if (secret === 'scram') return 'the configuration has a SCRAM secret, from which no password can be had';
  if (secret === 'md5') return 'the configuration has an md5 hash, from which no password can be had';
  if (secret === 'invalid') return 'its secret can not be used';
  const mode = settings.server_tls_sslmode;
  const isStrict = mode === 'require' || mode.startsWith('verify-');
  if (isStrict && (tls.kind === 'refused' || tls.kind === 'failed')) return 'there is no encryption';
  if (tls.kind !== 'offered') return null;
  if (mode.startsWith('verify-') && tls.certificate.chainProblem !== null) return 'its certificate is not trusted';
  if (mode === 'verify-full' && tls.certificate.nameProblem !== null) return 'its certificate is for another name';
  return null;
}

function startupOptions(parameters: Readonly<Record<string, string>>): string {
  const all = Object.entries({ client_min_messages: 'warning', ...parameters });
  return all.map(([name, value]) => `-c ${name}=${value.replaceAll(/([\\ ])/g, '\\$1')}`).join(' ');
}
