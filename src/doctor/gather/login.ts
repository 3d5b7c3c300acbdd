// Logs in to Postgres as a pool would, with a driver, and lets the session be asked.
import { type ConnectionOptions, checkServerIdentity, type PeerCertificate } from 'node:tls';
import pg from 'pg';
import type { EffectiveSettings } from '../../config/effective.ts';
import type { LoginFacts, ServerFacts, SessionFacts } from '../facts.ts';
import { askCatalog } from './catalog.ts';
import type { Candidate } from './pools.ts';
import { askSession } from './session.ts';

/** Longer than this nobody waits for a doctor, whatever server_connect_timeout is. */
const PATIENCE_MS = 10_000;

export function patienceOf({ server_connect_timeout }: Pick<EffectiveSettings, 'server_connect_timeout'>): number {
  return Math.min(server_connect_timeout || PATIENCE_MS, PATIENCE_MS);
}

/** What is known of a server, while more is found out. */
export type Growing = { -readonly [K in keyof ServerFacts]: ServerFacts[K] };

/** Logs in as the pool would, as far as a driver can; and fills in the server's catalog. */
export async function logIn(candidate: Candidate, server: Growing, options: ConnectionOptions): Promise<LoginFacts> {
  const { target, address, user, settings, password, isAsking } = candidate;
  const mode = settings.server_tls_sslmode;
  // Who is not there for one is there for nobody: each attempt may take ten seconds.
  if (server.unreached !== null || (server.lookup !== null && 'error' in server.lookup)) return { kind: 'unreached' };
  const obstacle = obstacleOf(candidate, server);
  if (obstacle !== null) return { kind: 'unchecked', ...obstacle };
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
    connectionTimeoutMillis: patienceOf(settings),
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
  const proof = watchProof(client);
  try {
    await client.connect();
  } catch (error) {
    await client.end().catch(() => {});
    return failureOf(error as Error & { code?: string }, candidate, server);
  }
  try {
    const authQuery = isAsking ? { text: settings.auth_query, user } : null;
    server.catalog = await askCatalog(client, server.catalog);
    const { connectQuery } = target;
    return {
      kind: 'done',
      session: await askSession(client, { isEncrypted, proof: proof(), connectQuery, authQuery }),
    };
  } catch (error) {
    return {
      kind: 'unchecked',
      why: `the session ended while it was asked: ${(error as Error).message}`,
      how: 'ask again',
    };
  } finally {
    await client.end().catch(() => {});
  }
}

/** What Postgres asks for, as it comes: the outcome of pg_hba.conf. */
function watchProof({ connection }: pg.Client): () => SessionFacts['proof'] {
  let proof: SessionFacts['proof'] = 'none';
  connection.once('authenticationCleartextPassword', () => (proof = 'password'));
  connection.once('authenticationMD5Password', () => (proof = 'md5'));
  connection.once('authenticationSASL', () => (proof = 'scram'));
  return () => proof;
}

function failureOf(error: Error & { code?: string }, { secret, user }: Candidate, server: Growing): LoginFacts {
  const { code, message } = error;
  const isSasl = message.startsWith('SASL');
  // A server that asks for a password when there is none to give is no mistake of Postgres.
  if (secret === 'none' && (code === '28P01' || isSasl))
    return {
      kind: 'unchecked',
      why: 'there is no secret for it, and Postgres asks for one',
      how: passwordFor(user),
    };
  if (error instanceof pg.DatabaseError || isSasl) return { kind: 'refused', code: code ?? 'SCRAM', message };
  server.unreached = { code: code ?? (message.includes('timeout') ? 'ETIMEDOUT' : 'EPROTO'), message };
  return { kind: 'unreached' };
}

/** Why a login is not even tried, and how to check all the same; null: it is. What another rule tells anyway is not tried either. */
function obstacleOf({ user, secret, settings, target }: Candidate, { host, port, tls }: ServerFacts): Obstacle | null {
  const withPassword = passwordFor(user);
  const repaired = 'repair what is told of the server, and ask again';
  if (host.startsWith('@'))
    return {
      why: 'the driver of the doctor knows no abstract sockets',
      how: `psql 'host=${host} port=${port} user=${user} dbname=${target.dbname}'`,
    };
  if (secret === 'scram')
    return { why: 'the configuration has a SCRAM secret, from which no password can be had', how: withPassword };
  if (secret === 'md5')
    return { why: 'the configuration has an md5 hash, from which no password can be had', how: withPassword };
  if (secret === 'invalid') return { why: 'its secret can not be used', how: withPassword };
  const mode = settings.server_tls_sslmode;
  const isStrict = mode === 'require' || mode.startsWith('verify-');
  if (isStrict && (tls.kind === 'refused' || tls.kind === 'failed'))
    return { why: 'there is no encryption', how: repaired };
  if (tls.kind !== 'offered') return null;
  const { chainProblem, nameProblem } = tls.certificate;
  if (mode.startsWith('verify-') && chainProblem !== null)
    return { why: 'its certificate is not trusted', how: repaired };
  if (mode === 'verify-full' && nameProblem !== null)
    return { why: 'its certificate is for another name', how: repaired };
  return null;
}

function passwordFor(user: string): string {
  return `users: { ${user}: { password_env: … } }  # in a copy of the file, for the doctor alone`;
}

interface Obstacle {
  readonly why: string;
  readonly how: string;
}

function startupOptions(parameters: Readonly<Record<string, string>>): string {
  const all = Object.entries({ client_min_messages: 'warning', ...parameters });
  return all.map(([name, value]) => `-c ${name}=${value.replaceAll(/([\\ ])/g, '\\$1')}`).join(' ');
}
