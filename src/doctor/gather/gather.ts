// Gathers the facts: looks at the machine, finds names, shakes hands, logs in to Postgres as each pool would, and asks.
import { lookup } from 'node:dns/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Config } from '../../config/config.ts';
import { isLoopback } from '../../config/loopback.ts';
import { readTlsMaterial } from '../../net/tls-files.ts';
import { tlsSettingsOf } from '../../net/tls-keeper.ts';
import type { CertificateFacts, Facts, PoolFacts, ServerFacts, TlsFacts, Told, Unchecked } from '../facts.ts';
import { gatherHost } from './host.ts';
import { type Growing, logIn, PATIENCE_MS } from './login.ts';
import { type Candidate, candidatesOf } from './pools.ts';
import { gatherTls } from './tls.ts';

export interface GatherOptions {
  /** Where /sys and /proc are. */
  readonly root?: string;
}

export async function gatherFacts(config: Config, told: Told, { root = '/' }: GatherOptions = {}): Promise<Facts> {
  const { candidates, unchecked } = candidatesOf(config);
  const tlsOptions = tlsOptionsOf(config, unchecked);
  const servers = new Map<string, Growing>();
  const pools: PoolFacts[] = [];
  for (const candidate of candidates) {
    const { host, port } = candidate.address;
    const key = host.startsWith('/') ? `${host}:${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`;
    let server = servers.get(key);
    if (!server) {
      server = await meet(key, candidate, tlsOptions);
      servers.set(key, server);
    }
    const { target, user, settings, secret, scramSecret, isAsking } = candidate;
    const login = await logIn(candidate, server, tlsOptions);
    pools.push({
      database: target.name,
      user,
      dbname: target.dbname,
      server: key,
      settings,
      secret,
      scramSecret,
      isAsking,
      login,
    });
  }
  for (const { key, catalog } of servers.values()) {
    if (catalog === null) continue;
    if (catalog.hbaErrors === null)
      unchecked.push({
        about: key,
        why: 'pg_hba.conf is shown to superusers only',
        how: 'SELECT * FROM pg_hba_file_rules WHERE error IS NOT NULL',
      });
  }
  return {
    told,
    settings: config.settings,
    databases: [...config.databases.values()],
    users: [...config.users.values()],
    pools,
    servers,
    host: gatherHost(root),
    ownCertificate: ownCertificate(config, unchecked),
    now: Date.now(),
    unchecked,
  };
}

/** First look at a server: its name, the network, its encryption. */
async function meet(key: string, { address, settings }: Candidate, options: ConnectionOptions): Promise<Growing> {
  const { host, port } = address;
  const isSocket = host.startsWith('/');
  const found = isSocket ? null : await find(host);
  const addresses = found !== null && 'addresses' in found ? found.addresses : [];
  const isLocal = isSocket || isLoopback(host) || (addresses.length > 0 && addresses.every(isLoopback));
  let tls: TlsFacts = { kind: 'unchecked' };
  if (!isSocket && addresses.length > 0) {
    const isDirect = settings.server_tls_sslnegotiation === 'direct';
    tls = await gatherTls({ host, port, isDirect, options, timeoutMs: PATIENCE_MS });
  }
  return { key, host, port, isRemote: !isLocal, lookup: found, tls, catalog: null };
}

async function find(host: string): Promise<ServerFacts['lookup']> {
  const begin = performance.now();
  try {
    const found = await lookup(host, { all: true });
    return { ms: performance.now() - begin, addresses: found.map(({ address }) => address) };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

function tlsOptionsOf(config: Config, unchecked: Unchecked[]): ConnectionOptions {
  try {
    return readTlsMaterial(tlsSettingsOf(config, 'server_tls_'), 'server_tls_').options;
  } catch (error) {
    unchecked.push({ about: 'server_tls_', why: (error as Error).message, how: 'pgsluice check FILE' });
    return {};
  }
}

function ownCertificate(config: Config, unchecked: Unchecked[]): CertificateFacts | null {
  if (config.settings.client_tls_sslmode === 'disable') return null;
  try {
    const { certificate } = readTlsMaterial(tlsSettingsOf(config, 'client_tls_'), 'client_tls_');
    if (certificate === null) return null;
    const { subject, validFrom, validTo } = certificate;
    return {
      subject: subject.replaceAll('\n', ','),
      validFrom: Date.parse(validFrom),
      validTo: Date.parse(validTo),
      chainProblem: null,
      nameProblem: null,
    };
  } catch (error) {
    unchecked.push({ about: 'client_tls_', why: (error as Error).message, how: 'pgsluice check FILE' });
    return null;
  }
}
