// What servers are doing, in the few words that a picture over time can carry.

import type { PoolRow } from './snapshot.ts';

export const OCCUPANCY_KEYS = ['running', 'idleInTransaction', 'pinned', 'idle', 'login', 'waiting'] as const;
export type Occupancy = Record<(typeof OCCUPANCY_KEYS)[number], number>;

export function noOccupancy(): Occupancy {
  return { running: 0, idleInTransaction: 0, pinned: 0, idle: 0, login: 0, waiting: 0 };
}

/** Every server of the pool is counted once; `waiting` are clients. */
export function occupancyOf({ holders, servers, clients }: PoolRow): Occupancy {
  const idleInTransaction = holders.idle_in_transaction + holders.idle_in_failed_transaction + holders.half_sent_batch;
  const pinned = holders.pinned + holders.session;
  return {
    // Also those whose client is gone while something is still under way.
    running: servers.active + servers.active_cancel - idleInTransaction - pinned + servers.being_canceled,
    idleInTransaction,
    pinned,
    idle: servers.idle + servers.used + servers.tested,
    login: servers.login,
    waiting: clients.waiting,
  };
}

export function addOccupancy(sum: Occupancy, other: Readonly<Occupancy>): void {
  for (const key of OCCUPANCY_KEYS) sum[key] += other[key];
}
