// How much there is of everything: SHOW LISTS, and the metrics of the same names.

import { type DatabaseStates, databaseRows } from './databases.ts';
import { hostRows, zoneRows } from './hosts.ts';
import type { Sources } from './snapshot.ts';
import { userRows } from './users.ts';

/** In PgBouncer's order. */
export interface Lists {
  readonly databases: number;
  readonly users: number;
  readonly peers: number;
  /** With that of the console. */
  readonly pools: number;
  readonly peer_pools: number;
  /** Always 0: nothing is kept for clients to come. */
  readonly free_clients: number;
  /** Those that log in included. */
  readonly used_clients: number;
  readonly login_clients: number;
  /** Always 0: nothing is kept for servers to come. */
  readonly free_servers: number;
  readonly used_servers: number;
  readonly dns_names: number;
  readonly dns_zones: number;
  /** Lookups under way. */
  readonly dns_queries: number;
  /** Connections that wait for one. */
  readonly dns_pending: number;
}

export function lists(states: DatabaseStates, snapshot: Sources): Lists {
  const { clients, pools } = snapshot;
  const { pending } = snapshot.resolver;
  let servers = 0;
  for (const { serverCount } of pools) servers += serverCount;
  return {
    databases: databaseRows(states, snapshot).length,
    users: userRows(states.config, snapshot).length,
    peers: states.config.peers.size,
    pools: pools.size + 1,
    peer_pools: states.config.peers.size,
    free_clients: 0,
    used_clients: clients.size,
    login_clients: clients.lists.login.length,
    free_servers: 0,
    used_servers: servers,
    dns_names: hostRows(snapshot).length,
    dns_zones: zoneRows(snapshot).length,
    dns_queries: pending.lookups,
    dns_pending: pending.waiting,
  };
}
