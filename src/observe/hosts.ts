// The hosts of Postgres that are given by name, and the addresses that servers of theirs are connected to.

import { isIP } from 'node:net';
import { isSocketDirectory } from '../net/socket-directory.ts';
import type { Sources } from './snapshot.ts';

export interface HostRow {
  readonly name: string;
  readonly addresses: readonly string[];
}

export function hostRows({ pools }: Sources): HostRow[] {
  const byName = new Map<string, Set<string>>();
  for (const pool of pools) {
    const { host } = pool.target;
    if (isSocketDirectory(host) || isIP(host) !== 0) continue;
    const addresses = byName.get(host) ?? new Set();
    byName.set(host, addresses);
    for (const server of pool.allServers()) if (server.state !== 'login') addresses.add(server.stream.remoteAddress);
  }
  return [...byName].map(([name, addresses]) => ({ name, addresses: [...addresses] }));
}
