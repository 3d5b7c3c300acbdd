// Gathers the facts: looks at the machine, finds names, shakes hands, logs in to Postgres as each pool would, and asks.
import { lookup as lookUp } from 'node:dns/promises';
import type { ConnectionOptions } from 'node:tls';
import type { Config } from '../../config/config.ts';
import { isLoopback } from '../../config/loopback.ts';
import { isSocketDirectory } from '../../net/socket-directory.ts';
import { readTlsMaterial } from '../../net/tls-files.ts';
import { tlsSettingsOf } from '../../net/tls-keeper.ts';
import {
  type CertificateFacts,
  type Facts,
  NOTHING_SEEN,
  type PoolFacts,
  type ServerFacts,
  type TlsFacts,
  type Told,
  type Unchecked,
} from '../facts.ts';
import { gatherHost } from './host.ts';
import { type Growing, logIn, patienceOf } from './login.ts';
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
    const key = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    let server = servers.get(key);
    if (!server) {
      server = await meet(key, candidate, tlsOptions);
      servers.set(key, server);
    }
    const { target, user, settings, secret, storedSecret, isAsking } = candidate;
    const login = await logIn(candidate, server, tlsOptions);
    pools.push({
      database: target.name,
      user,
      dbname: target.dbname,
      server: key,
      settings,
      secret,
      storedSecret,
      isAsking,
      login,
    });
  }
  return {
    told,
    settings: config.settings,
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
  const isSocket = isSocketDirectory(host);
  const lookup = isSocket ? null : await find(host);
  const addresses = lookup !== null && 'addresses' in lookup ? lookup.addresses : [];
  const isLocal = isSocket || isLoopback(host) || (addresses.length > 0 && addresses.every(isLoopback));
  const tls: TlsFacts = { kind: 'unchecked' };
  const server: Growing = { key, host, port, isRemote: !isLocal, lookup, unreached: null, tls, catalog: NOTHING_SEEN };
  if (isSocket || addresses.length === 0) return server;
  const isDirect = settings.server_tls_sslnegotiation === 'direct';
  const found = await gatherTls({ host, port, isDirect, options, timeoutMs: patienceOf(settings) });
  if (found.kind === 'unreached') server.unreached = found;
  else server.tls = found;
  return server;
}

async function find(host: string): Promise<ServerFacts['lookup']> {
  const begin = performance.now();
  try {
    const found = await lookUp(host, { all: true });
    return { ms: performance.now() - begin, addresses: found.map(({ address }) => address) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { code: code ?? 'ENOTFOUND', error: message };
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
