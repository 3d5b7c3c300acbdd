// Postgres has moved: servers that are now in the wrong place are replaced, the idle ones at once, the others when their client lets go.

import { isIP } from 'node:net';
import { type Address, addressKey } from '../net/dial.ts';
import { isSocketDirectory } from '../net/socket-directory.ts';
import type { Server } from '../server/server.ts';
import type { Pool } from './pool.ts';

/** The host of this server was found to be a standby now, or a primary. Returns how many pools had servers in the wrong place. */
export function followRole(pools: Iterable<Pool>, moved: Server, isStandby: boolean, now: number): number {
  const key = addressKey(moved.address);
  let touched = 0;
  for (const pool of pools) {
    const isWrong = (server: Server) =>
      addressKey(server.address) === key && (isStandby ? pool.expectsWrites(server) : expectsStandby(pool));
    if (!hasSome(pool, isWrong)) continue;
    touched += 1;
    pool.hosts.isUnfit(moved.address, now);
    pool.reconnect('host_changed', isWrong);
  }
  return touched;
}

/** A name has these addresses now. PgBouncer: close_needed of servers whose address is not among them. */
export function followName(pools: Iterable<Pool>, name: string, addresses: readonly string[]): number {
  const current = new Set(addresses);
  let touched = 0;
  for (const pool of pools) {
    const isWrong = (server: Server) => {
      const ip = ipOf(server);
      return server.address.host === name && ip !== null && !current.has(ip);
    };
    if (!hasSome(pool, isWrong)) continue;
    touched += 1;
    pool.reconnect('dns_changed', isWrong);
  }
  return touched;
}

/** The names that have to be known. */
export function namesInUse(pools: Iterable<Pool>): ReadonlySet<string> {
  const names = new Set<string>();
  let last: readonly Address[] | null = null;
  for (const { target } of pools) {
    // Databases of the entry "*" have the same ones.
    if (target.addresses === last) continue;
    last = target.addresses;
    for (const { host } of last) if (isName(host)) names.add(host);
  }
  return names;
}

export function isName(host: string): boolean {
  return !isSocketDirectory(host) && isIP(host) === 0;
}

/** The very process that serves it, whatever its name stands for by now: a cancel request is no use elsewhere. */
export function cancelAddress(server: Server): Address {
  const ip = isName(server.address.host) ? ipOf(server) : null;
  return ip === null ? server.address : { ...server.address, ip };
}

function ipOf({ address, stream }: Server): string | null {
  if (address.ip !== undefined) return address.ip;
  return isIP(stream.remoteAddress) === 0 ? null : stream.remoteAddress;
}

function expectsStandby({ settings }: Pool): boolean {
  const { target_session_attrs: wanted } = settings;
  return wanted === 'standby' || wanted === 'read-only' || wanted === 'prefer-standby';
}

function hasSome(pool: Pool, isWrong: (server: Server) => boolean): boolean {
  for (const server of pool.allServers()) if (isWrong(server)) return true;
  return pool.listener.server !== null && isWrong(pool.listener.server);
}
