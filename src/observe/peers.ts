// The other processes that cancel requests are passed on to, and how many are on their way.

import type { Config } from '../config/config.ts';
import type { Sources } from './snapshot.ts';

export interface PeerRow {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly poolSize: number;
  readonly active: number;
  readonly waiting: number;
}

export function peerRows({ peers, settings }: Config, sources: Sources): PeerRow[] {
  return [...peers.values()].map(({ id, host, port, pool_size }) => ({
    id,
    host,
    port,
    poolSize: pool_size ?? settings.default_pool_size,
    ...sources.peers.countsOf(id),
  }));
}
