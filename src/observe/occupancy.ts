// What servers are doing, in the few words that a picture over time can carry.

import { holderState, isUnused } from '../guard/gaps.ts';
import { clientOf } from '../guard/holders.ts';
import type { Pool } from '../pool/pool.ts';
import type { Server } from '../server/server.ts';

export const OCCUPANCY_KEYS = ['running', 'idleInTransaction', 'pinned', 'idle', 'login', 'waiting'] as const;
export type Occupancy = Record<(typeof OCCUPANCY_KEYS)[number], number>;

export function noOccupancy(): Occupancy {
  return { running: 0, idleInTransaction: 0, pinned: 0, idle: 0, login: 0, waiting: 0 };
}

/** Every server of the pool is counted once; `waiting` are clients. */
export function addOccupancyOf(sum: Occupancy, { servers, clients }: Pool): void {
  const { active, being_canceled, idle, used, tested, login } = servers;
  for (let server = active.head; server !== null; server = server.next) sum[doingOf(server)] += 1;
  // Also those whose client is gone while something is still under way.
  sum.running += being_canceled.length;
  sum.idle += idle.length + used.length + tested.length;
  sum.login += login.length;
  sum.waiting += clients.waiting.length;
}

function doingOf(server: Server): 'running' | 'idleInTransaction' | 'pinned' {
  const client = clientOf(server);
  if (client === null) return 'running';
  const state = holderState(server, client);
  if (isUnused(state)) return 'idleInTransaction';
  return state === 'pinned' || state === 'session' ? 'pinned' : 'running';
}

export function occupancyOf(pool: Pool): Occupancy {
  const occupancy = noOccupancy();
  addOccupancyOf(occupancy, pool);
  return occupancy;
}

export function addOccupancy(sum: Occupancy, other: Readonly<Occupancy>): void {
  for (const key of OCCUPANCY_KEYS) sum[key] += other[key];
}
